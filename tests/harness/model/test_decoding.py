"""Decoding goes on from what was read once, as if the model read all of it again at each step."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence, pack_sequence
from torchmetrics import Metric, MetricCollection

from recurbench.harness.config.sections import ModelConfig, OptimizerConfig, TrainConfig
from recurbench.harness.model.decoding import decode, itself, likeliest
from recurbench.harness.model.sequence_model import SequenceModel
from recurbench.harness.plugins.registry import registry
from recurbench.harness.run.execute import execute
from recurbench.harness.run.module import SequenceModule, higher_is_better
from recurbench.harness.run.outcome import Outcome
from recurbench.tasks.base import Batch, Batches, FreeRun, Predictor, Task, TaskSpec, generator
from recurbench.tasks.common.metrics import classification_metrics

V, LIMIT = 6, 7
LENGTHS = [3, 1, 5, 2]


def model(cell: str = "gru", seed: int = 0, tokens: bool = True, **options) -> SequenceModel:
    config = {
        "encoder": "causal_conv", "kernel_size": 3, "embedding_size": 8, "depth": 2, "dropout": 0.0,
        "residual": True, "norm": "layer", "bidirectional": False, "readout": "last",
    } | options  # fmt: skip
    spec = TaskSpec(V, tokens, V, scope="step", predicts_next=True)
    make_cell = partial(registry().plugins["cell"][cell].cls, hidden_size=8)
    made = SequenceModel(spec, make_cell, ModelConfig(**config), seed).double().eval()
    for parameter in made.head.parameters():
        parameter.data *= 9  # so that choices differ
    return made


def prompts(lengths: list[int] = LENGTHS) -> list[Tensor]:
    source = torch.Generator().manual_seed(0)
    return [torch.randint(V, (t,), generator=source) for t in lengths]


def packed(rows: list[Tensor]) -> PackedSequence:
    return pack_sequence(rows, enforce_sorted=False)


def reread(made: SequenceModel, prompt: Tensor, limit: int, stop: int | None) -> list[int]:
    """What greedy decoding is, reading everything again for each step."""
    said: list[int] = []
    while len(said) < limit:
        if stop is not None and stop in said:
            return said + [stop] * (limit - len(said))
        read = torch.cat([prompt, torch.tensor(said, dtype=torch.long)])
        said.append(int(made(read[None])[0][-1].argmax()))
    return said


@pytest.mark.parametrize("stop", [None, 0, 1, 2, 3, 4, 5])
@pytest.mark.parametrize("cell", ["gru", "lstm", "min_gru", "local_attention", "torch_gru"])
def test_each_row_goes_on_as_if_all_were_read_again_and_ends_at_its_own_stop(cell, stop):
    made = model(cell)
    decoded = decode(made, packed(prompts()), likeliest, LIMIT, stop)
    assert decoded.tolist() == [reread(made, prompt, LIMIT, stop) for prompt in prompts()]


def test_the_choices_above_are_not_all_alike_and_some_rows_stop_before_others():
    decoded = decode(model(), packed(prompts()), likeliest, LIMIT)
    assert decoded.unique().numel() > 2
    stops = [[stop in row for row in decoded.tolist()] for stop in range(V)]
    assert any(any(rows) and not all(rows) for rows in stops)


def test_dense_prompts_are_continued_as_packed_ones():
    rows = prompts([4, 4, 4])
    one, other = (decode(model(), p, likeliest, LIMIT) for p in (torch.stack(rows), packed(rows)))
    assert torch.equal(one, other)


def test_decoding_ends_when_all_rows_have_stopped_and_reads_the_prompts_once(monkeypatch):
    made, calls = model(), []
    forward, step = SequenceModel.forward, SequenceModel.step
    monkeypatch.setattr(
        SequenceModel, "forward", lambda *a, **k: calls.append("read") or forward(*a, **k)
    )
    monkeypatch.setattr(
        SequenceModel, "step", lambda *a, **k: calls.append("step") or step(*a, **k)
    )
    turns = iter([[1, 0], [0, 1], [1, 1]])
    decoded = decode(made, packed(prompts([2, 3])), lambda _: torch.tensor(next(turns)), 9, stop=0)
    assert decoded.tolist() == [[1, 0] + [0] * 7, [0] * 9]
    assert calls == ["read", "step"]


def test_what_is_chosen_is_what_comes_out_and_what_is_read_next():
    made = model(tokens=False)
    rows = [torch.randn(t, V, dtype=torch.float64) for t in (2, 4)]
    decoded = decode(made, packed(rows), itself, 3)
    assert decoded.shape == (2, 3, V)
    for row, found in zip(rows, decoded, strict=True):
        outputs, _ = made(torch.cat([row, found[:2]])[None])
        torch.testing.assert_close(found, outputs[-3:])


def test_decoding_keeps_no_graph():
    assert not decode(model(tokens=False), torch.zeros(1, 2, V).double(), itself, 3).requires_grad


class ExactMatch(Metric):
    """The share of rows that are right from beginning to end."""

    higher_is_better = True

    def __init__(self) -> None:
        super().__init__()
        self.add_state("right", torch.zeros(()), "sum")
        self.add_state("rows", torch.zeros(()), "sum")

    def update(self, decoded: Tensor, answers: Tensor) -> None:
        self.right += (decoded == answers).all(1).sum()
        self.rows += len(answers)

    def compute(self) -> Tensor:
        return self.right / self.rows


class Echo(Task):
    """Says symbols 2 to V - 1 again after a separator, 1, and then stops, with 0."""

    name = "echo"
    primary = "exact_match"

    def __init__(self, *, lengths: int = 3) -> None:
        super().__init__()
        self.lengths = lengths

    def load(self) -> TaskSpec:
        return TaskSpec(V, tokens=True, output_size=V, scope="step", predicts_next=True)

    def draw(self, rows: int, *stream: str | int) -> Batch:
        source = generator(self.name, *stream)
        inputs, targets = [], []
        for length in torch.randint(1, self.lengths + 1, (rows,), generator=source).tolist():
            word = torch.randint(2, V, (length,), generator=source)
            whole = torch.cat([word, torch.tensor([1]), word, torch.tensor([0])])
            inputs.append(whole[:-1])
            targets.append(whole[1:].masked_fill(torch.arange(len(whole) - 1) < length, -100))
        return Batch(packed(inputs), packed(targets))

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return F.cross_entropy(outputs, targets)

    def metrics(self) -> MetricCollection:
        return classification_metrics(V)

    def free_run(self, batch: Batch) -> FreeRun:
        assert isinstance(batch.inputs, PackedSequence)
        rows = torch.nn.utils.rnn.unpack_sequence(batch.inputs)
        words = [row[: (len(row) - 1) // 2] for row in rows]
        answers = torch.zeros(len(rows), self.lengths + 1, dtype=torch.long)
        for answer, word in zip(answers, words, strict=True):
            answer[: len(word)] = word
        return FreeRun(packed([torch.cat([w, torch.tensor([1])]) for w in words]), answers, 0)

    def free_run_metrics(self) -> MetricCollection:
        return MetricCollection({"exact_match": ExactMatch()})

    def references(self) -> dict[str, float]:
        return {"optimal": 1.0}

    def plots(self, predict: Predictor) -> dict[str, bytes]:
        return {"said": str(self.play(predict)).encode()}

    def fingerprint(self) -> str:
        return f"echo {self.lengths}"

    def train_dataloader(self) -> Batches:
        return Batches(lambda i: self.draw(self.batch_size, "train", self.seed, i))

    def val_dataloader(self) -> Batches:
        return Batches(lambda i: self.draw(5, "val", i), 2)

    def test_dataloader(self) -> Batches:
        return Batches(lambda i: self.draw(5, "test", i), 2)


@pytest.fixture
def echo() -> Echo:
    task = Echo()
    task.setup()
    return task


def test_evaluation_scores_what_the_model_says_by_itself_beside_what_it_predicts(echo):
    made = model().float()
    train = TrainConfig(
        batch_size=5, max_steps=1, max_seconds=None, eval_every=1, patience=None, gradient_clip=None
    )
    module = SequenceModule(made, echo, OptimizerConfig("adam", 0.1), train).eval()
    for batch in echo.val_dataloader():
        module.validation_step(batch, 0)
    scores = module._compute("val")
    assert set(scores) == {"accuracy", "loss", "exact_match"}
    said = []
    for batch in echo.val_dataloader():
        run = echo.free_run(batch)
        for prompt, answer in zip(
            torch.nn.utils.rnn.unpack_sequence(run.prompts), run.answers, strict=True
        ):
            said.append(reread(made, prompt, len(answer), run.stop) == answer.tolist())
    assert scores["exact_match"] == pytest.approx(sum(said) / len(said))


def test_a_primary_metric_may_be_one_of_free_runs(echo):
    assert higher_is_better(echo) is True
    echo.primary = "loss"
    assert higher_is_better(echo) is False


@pytest.fixture
def run_echo(configure: Callable, workplace: Path) -> Iterator[Callable[[], Outcome]]:
    """Runs the task `echo`."""
    registry.cache_clear()
    registry().add("task", Echo, "here")
    options = [
        "task=echo", "task.lengths=1", "logger=none", "optimizer.lr=0.01", "rerun=true",
        "train.max_steps=120", "train.eval_every=40", "train.batch_size=16",
    ]  # fmt: skip
    yield lambda: execute(configure(*options))
    registry.cache_clear()


def test_a_run_is_selected_and_ranked_by_free_runs(
    run_echo: Callable, read_records: Callable, workplace: Path
) -> None:
    outcome = run_echo()
    (record,) = read_records()
    assert record["primary"] == {"name": "exact_match", "higher_is_better": True}
    assert record["metrics"]["test"]["exact_match"] == 1.0
    assert [p["step"] for p in record["curve"] if "val/exact_match" in p] == [40, 80, 120]
    assert "test exact_match 1 (optimal 1)" in outcome.line
    (picture,) = workplace.rglob("*.png")
    assert picture.stem == f"{record['run_id']}.said"
    assert picture.read_bytes() == b"1.0", "the task's plots have the model play as it was tested"


def test_plots_that_fail_are_said_and_fail_no_run(
    run_echo: Callable, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr(Echo, "plots", lambda *_: {}["ink"])
    assert run_echo().status == "completed"
    assert "not all plots were made: KeyError: 'ink'" in capsys.readouterr().err
