"""What makes a comparison fair: same batches, same start, same numbers from the same command."""

from collections.abc import Callable

import pytest
import torch
from torch.nn.utils.rnn import PackedSequence

from recurbench.harness.config.sections import Config
from recurbench.harness.run.execute import execute
from recurbench.harness.run.module import SequenceModule
from recurbench.harness.run.prepare import prepare
from recurbench.tasks.base import Batch, hash_data

CELLS = ("gru", "lstm", "torch_gru", "attention_gru")
TASKS = ("copying", "language", "variable_length")
"""Drawn anew, read in order, and epochs of packed sequences.

That batches do not depend on the cell is a property of every task's suite too.
"""


def content(batch: Batch) -> list[torch.Tensor]:
    parts = []
    for part in (batch.inputs, batch.targets):
        parts += [part.data, part.batch_sizes] if isinstance(part, PackedSequence) else [part]
    return parts


def trained_batches(config: Config, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Hashes of the batches that training really saw."""
    seen: list[str] = []
    step = SequenceModule.training_step

    def spy(self: SequenceModule, batch: Batch, index: int) -> torch.Tensor:
        seen.append(hash_data(*content(batch)))
        return step(self, batch, index)

    with monkeypatch.context() as patch:
        patch.setattr(SequenceModule, "training_step", spy)
        assert execute(config).status == "completed"
    return seen


@pytest.mark.parametrize("task", TASKS)
def test_one_seed_gives_all_cells_the_same_batches_and_another_seed_others(
    task: str, configure: Callable, small: list, monkeypatch: pytest.MonkeyPatch, workplace: object
) -> None:
    by_cell = {
        cell: trained_batches(configure(f"cell={cell}", f"task={task}", *small), monkeypatch)
        for cell in CELLS
    }
    assert len(set(map(tuple, by_cell.values()))) == 1
    assert len(by_cell["gru"]) == 3
    other = trained_batches(configure(f"task={task}", "seed=1", *small), monkeypatch)
    assert not set(other) & set(by_cell["gru"])


@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_dropout_and_batch_size_of_evaluation_do_not_move_the_batches(
    dropout: float, configure: Callable, small: list, monkeypatch: object, workplace: object
) -> None:
    reference = trained_batches(configure(*small), monkeypatch)
    config = configure(f"model.dropout={dropout}", "model.depth=2", *small)
    assert trained_batches(config, monkeypatch) == reference


def test_gru_and_torch_gru_start_from_equal_weights_and_follow_the_same_curve(
    configure: Callable, read_records: Callable, workplace: object
) -> None:
    overrides = ["logger=none", "train.max_steps=50", "train.eval_every=10"]
    weights = {}
    for cell in ("gru", "torch_gru"):
        config = configure(f"cell={cell}", *overrides)
        weights[cell] = prepare(config).model.cells[0].state_dict()
        execute(config)
    for name, value in weights["gru"].items():
        assert torch.equal(value, weights["torch_gru"][name])
    curves = [
        [point["train/loss"] for point in record["curve"]]
        for record in sorted(read_records(), key=lambda record: record["cell"]["name"])
    ]
    assert len(curves[0]) == len(curves[1]) == 50
    assert max(abs(a - b) for a, b in zip(*curves, strict=True)) < 1e-4


@pytest.mark.parametrize("task", TASKS)
def test_the_same_command_twice_gives_bitwise_equal_results(
    task: str, configure: Callable, small: list, read_records: Callable, workplace: object
) -> None:
    results = []
    for _ in range(2):
        execute(configure(f"task={task}", "rerun=true", "model.dropout=0.3", *small))
        (record,) = read_records()
        curve = [{k: v for k, v in p.items() if k != "seconds"} for p in record["curve"]]
        results.append((record["metrics"], curve))
    assert results[0] == results[1]


def test_all_cells_of_a_seed_share_the_encoder_and_head_they_start_from(
    configure: Callable, small: list
) -> None:
    models = [prepare(configure(f"cell={cell}", *small)).model for cell in CELLS]
    for model in models:
        assert torch.equal(model.encoder.weight, models[0].encoder.weight)
        assert torch.equal(model.head.weight, models[0].head.weight)
