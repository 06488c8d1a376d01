"""Golden trajectories: what tiny runs of every cell, task and option come to, number by number.

    python tests/support/golden.py

writes those that are new, and those of plugins whose own code has changed. Where neither cell nor
task has changed but the numbers have, the harness itself gives another result: raise `PROTOCOL` in
harness/results/record.py first.
"""

import json
import tempfile
from pathlib import Path
from typing import Any

from recurbench.harness.config.compose import compose_jobs
from recurbench.harness.config.resolve import resolve
from recurbench.harness.config.schema import register
from recurbench.harness.plugins.registry import registry
from recurbench.harness.results.folder import ResultsFolder
from recurbench.harness.results.record import PROTOCOL, Record, read
from recurbench.harness.run.execute import execute

FILE = Path(__file__).parents[1] / "golden" / "trajectories.json"
TOLERANCE = 1e-5

SMALL = [
    "logger=none", "train.max_steps=4", "train.eval_every=2", "train.batch_size=3",
    "cell.hidden_size=8", "model.embedding_size=5",
]  # fmt: skip

SMALLER_TASKS = {
    "adding": ["task.length=6"],
    "associative_recall": ["task.pairs=2", "task.gap=2"],
    "compression": ["task.symbols=3", "task.gap=2"],
    "copying": ["task.symbols=2", "task.delay=2"],
    "cycle_navigation": ["task.size=5", "task.length=20"],
    "digits": [],
    "dyck": ["task.length=12", "task.depth=3"],
    "forecasting": ["task.window=5", "task.horizon=2"],
    "induction": ["task.length=32", "task.alphabet=16"],
    "language": ["task.length=8", "task.dataset=file"],
    "listops": ["task.length=8"],
    "memorization": ["task.alphabet=3", "task.key_length=2", "task.queries=3"],
    "memory_capacity": ["task.delays=3", "task.length=6"],
    "music": ["task.length=6"],
    "parity": ["task.length=20"],
    "repeat_previous": ["task.delay=3", "task.length=6"],
    "sentiment": [
        "task.clauses=4",
        "task.negation=0.2",
        "task.contrast=0.4",
        "task.distraction=0.3",
    ],
    "t_maze": ["task.corridor=4"],
    "tagging": ["task.states=5", "task.emissions=12", "task.max_length=12"],
    "transduction": ["task.length=6"],
    "translation": [],
    "variable_length": ["task.alphabet=8", "task.max_length=9"],
    "word_problem": ["task.length=5"],
}
"""Knobs that make a task quick; all that draw sequences have few for evaluation too."""

COPYING = ["task=copying", *SMALLER_TASKS["copying"], "task.eval_sequences=20"]

OPTIONS = [
    ["optimizer=sgd"],
    ["optimizer=adamw", "optimizer.weight_decay=0.1", "optimizer.schedule=cosine"],
    ["optimizer=rmsprop", "optimizer.warmup_steps=3"],
    ["optimizer.schedule=plateau", "optimizer.plateau_patience=0", "train.eval_every=1"],
    ["model.depth=2", "model.dropout=0.3", "model.norm=layer"],
    ["model.depth=2", "model.residual=true", "model.embedding_size=8"],
    ["model.encoder=causal_conv", "model.kernel_size=2"],
    ["train.gradient_clip=null", "seed=3"],
    ["train.gradient_clip=0.01"],
    ["trainer.precision=bf16"],
    ["budget.parameters=942"],
]
SEQUENCE_OPTIONS = [
    ["model.readout=mean"],
    ["model.readout=attention", "model.bidirectional=true"],
]


def cases() -> dict[str, list[str]]:
    """The overrides of each tiny run, by its name."""
    found = {f"cell={name}": [f"cell={name}", *COPYING] for name in registry().plugins["cell"]}
    for name, plugin in registry().plugins["task"].items():
        few = any(knob.name == "eval_sequences" for knob in plugin.knobs)
        knobs = [*SMALLER_TASKS.get(name, []), *(["task.eval_sequences=20"] if few else [])]
        found[f"task={name}"] = [f"task={name}", *knobs]
    for options in OPTIONS:
        found[" ".join(options)] = [*COPYING, *options]
    for options in SEQUENCE_OPTIONS:
        found[" ".join(options)] = [*found["task=variable_length"], *options]
    return found


def trajectory(name: str) -> dict[str, Any]:
    """What a tiny run comes to: versions of its plugins, its curve and its scores."""
    register()
    with tempfile.TemporaryDirectory() as folder:
        overrides = [o for o in SMALL if o.partition("=")[0] not in _keys(cases()[name])]
        chosen = [*cases()[name], *overrides, f"results_dir={folder}"]
        if "task.dataset=file" in chosen:
            task = registry().plugins["task"]["language"].cls
            chosen.append(f"task.file='{task.example_file(Path(folder), 0)}'")
        (composed,), _ = compose_jobs(chosen, multirun=False)
        outcome = execute(resolve(composed))
        assert outcome.ok, outcome.line
        (path,) = ResultsFolder(Path(folder)).runs.rglob("*.json")
        record = read(path)
    assert isinstance(record, Record)
    curve = [{k: v for k, v in point.items() if k != "seconds"} for point in record.curve]
    return {
        "code": [record.code.cell, record.code.task],
        "numbers": _rounded([curve, record.metrics, record.references]),
    }


def differences(old: Any, new: Any, place: str = "") -> list[str]:
    """Where two trajectories differ by more than the tolerance."""
    if isinstance(old, dict) and isinstance(new, dict) and old.keys() == new.keys():
        parts = [differences(old[key], new[key], f"{place}.{key}") for key in old]
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        pairs = zip(old, new, strict=True)
        parts = [differences(*pair, f"{place}[{index}]") for index, pair in enumerate(pairs)]
    elif isinstance(old, int | float) and isinstance(new, int | float):
        close = abs(old - new) <= TOLERANCE * max(1.0, abs(old))
        return [] if close else [f"{place}: {old} before, {new} now"]
    else:
        return [] if old == new else [f"{place}: {old} before, {new} now"]
    return [line for part in parts for line in part]


def _keys(overrides: list[str]) -> set[str]:
    return {override.partition("=")[0] for override in overrides}


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return float(f"{value:.8g}") if isinstance(value, float) else value


def main() -> None:
    """Writes the trajectories that may be written."""
    kept: dict[str, Any] = {"protocol": PROTOCOL, "runs": {}}
    if FILE.exists():
        kept = json.loads(FILE.read_text())
    raised = kept["protocol"] != PROTOCOL
    runs = {}
    for name in cases():
        old, new = kept["runs"].get(name), trajectory(name)
        if old and not raised and old["code"] == new["code"]:
            changed = differences(old["numbers"], new["numbers"])
            if changed:
                raise SystemExit(f"{name}: {changed[0]}; raise PROTOCOL first")
            new = old
        runs[name] = new
    FILE.write_text(json.dumps({"protocol": PROTOCOL, "runs": runs}, indent=0) + "\n")


if __name__ == "__main__":
    main()
