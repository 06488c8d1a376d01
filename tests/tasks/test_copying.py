"""The copying task asks for what it shows, and its references are exact."""

import math
from itertools import islice

import pytest
import torch
import torch.nn.functional as F

from recurbench.tasks.base import IGNORE_INDEX, Batch, Task, TaskError
from recurbench.tasks.copying import Copying

SCORES = ["recall", "every"]
LAYOUTS = ["arjovsky", "bai"]


def ready(*, batch_size: int = 7, seed: int = 0, **knobs) -> Copying:
    return Copying(**{"eval_sequences": 300, **knobs}).ready(batch_size=batch_size, seed=seed)


def scores(task: Task, batches, predict) -> dict[str, float]:
    metrics = task.metrics()
    for batch in batches:
        metrics.update(predict(batch).flatten(0, 1), batch.targets.flatten())
    return {name: float(value) for name, value in metrics.compute().items()}


def with_a_clock(task: Copying):
    """Knows how far the sequence has come, but not which symbols were shown."""

    def predict(batch: Batch) -> torch.Tensor:
        logits = torch.full((*batch.inputs.shape, task.spec.output_size), -1e9)
        logits[:, -task.symbols :, : task.alphabet] = 0
        logits[:, : -task.symbols, -1] = 0
        return logits

    return predict


def with_memory(task: Copying):
    def predict(batch: Batch) -> torch.Tensor:
        answers = torch.full_like(batch.inputs, task.spec.output_size - 1)
        answers[:, -task.symbols :] = batch.inputs[:, : task.symbols]
        return 1e3 * F.one_hot(answers, task.spec.output_size).float()

    return predict


def counted_from(task: Copying):
    """Knows the present input: each class as often as it is due there in the training data."""
    counts = torch.zeros(task.alphabet + 2, task.spec.output_size, dtype=torch.float64)
    for batch in islice(task.train_dataloader(), 400):
        ones = torch.ones(batch.targets.numel(), dtype=torch.float64)
        places = batch.inputs.long().flatten(), batch.targets.flatten()
        counts.index_put_(places, ones, accumulate=True)
    logs = (counts / counts.sum(1, keepdim=True)).log().clamp(min=-1e3)
    return lambda batch: logs[batch.inputs.long().flatten(1)]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("delay", [1, 100, 1000])
def test_the_loss_with_a_clock_is_the_published_baseline(delay, layout):
    every = Copying(symbols=10, delay=delay, alphabet=8, score="every", layout=layout)
    assert every.references()["clock"] == pytest.approx(10 * math.log(8) / (delay + 20))


@pytest.mark.parametrize(("delay", "loss"), [(100, 0.4517), (1000, 0.0754)])
def test_without_a_clock_symbols_may_be_due_at_every_blank(delay, loss):
    every = Copying(symbols=10, delay=delay, alphabet=8, score="every")
    assert every.references()["memoryless"] == pytest.approx(loss, abs=5e-5)


@pytest.mark.parametrize("delay", [1, 100])
def test_a_marker_that_goes_on_says_nearly_when_symbols_are_due(delay):
    bai = Copying(symbols=10, delay=delay, alphabet=8, score="every", layout="bai")
    expected = (math.log(11) + 10 * math.log(8 * 11 / 10)) / (delay + 20)
    assert bai.references()["memoryless"] == pytest.approx(expected)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("symbols", "delay", "alphabet"), [(5, 9, 8), (3, 1, 2), (10, 100, 8)])
def test_what_is_counted_at_each_input_loses_as_much_as_the_memoryless(
    symbols, delay, alphabet, layout
):
    knobs = {"symbols": symbols, "delay": delay, "alphabet": alphabet, "layout": layout}
    task = ready(**knobs, score="every")
    found = scores(task, task.test_dataloader(), counted_from(task))
    assert found["loss"] == pytest.approx(task.references()["memoryless"], rel=0.01)


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize(("symbols", "delay", "alphabet"), [(5, 9, 8), (3, 1, 2)])
def test_one_who_knows_the_step_alone_scores_its_reference(score, symbols, delay, alphabet):
    task = ready(symbols=symbols, delay=delay, alphabet=alphabet, score=score, eval_sequences=9000)
    found = scores(task, task.test_dataloader(), with_a_clock(task))
    reference = "chance" if score == "recall" else "clock"
    assert found[task.primary] == pytest.approx(task.references()[reference], abs=0.01)
    if score == "every":
        assert found["loss"] == pytest.approx(task.references()["clock"], rel=1e-6)


@pytest.mark.parametrize("score", SCORES)
def test_a_predictor_with_memory_is_always_right_at_every_delay(score):
    task = ready(score=score, delay=3)
    for batches in (task.test_dataloader(), *task.extra_test_dataloaders().values()):
        found = scores(task, batches, with_memory(task))
        assert found == {"accuracy": 1.0, "loss": 0.0}
        assert found[task.primary] == task.references()["optimal"]


@pytest.mark.parametrize("score", SCORES)
def test_the_loss_counts_the_positions_that_the_metrics_count(score):
    task = ready(score=score)
    batch = next(iter(task.train_dataloader()))
    logits = torch.randn(*batch.inputs.shape, task.spec.output_size)
    loss = task.loss(logits.flatten(0, 1), batch.targets.flatten())
    assert scores(task, [batch], lambda _: logits)["loss"] == pytest.approx(loss.item())


@pytest.mark.parametrize("score", SCORES)
def test_the_example_in_the_docstring_holds(score):
    lines = [line.split() for line in Copying.__doc__.splitlines()]
    shown, asked, *_ = (line[1:] for line in lines if line[:1] in (["input"], ["target"]))
    task = Copying(symbols=3, delay=4, score=score)
    uncounted = IGNORE_INDEX if score == "recall" else task.blank
    ids = {"_": task.blank, ">": task.go, ".": uncounted, "2": 2, "5": 5, "1": 1}
    batch = task.layout(torch.tensor([[2, 5, 1]]), delay=4)
    assert batch.inputs.tolist() == [[ids[symbol] for symbol in shown]]
    assert batch.targets.tolist() == [[ids[symbol] for symbol in asked]]


@pytest.mark.parametrize(("symbols", "delay"), [(10, 7), (3, 1)])
def test_the_layout_of_bai_et_al_is_that_of_their_code(symbols, delay):
    """Which joins `mem_length` symbols of 1 to 8, T - 1 zeros and `mem_length + 1` nines."""
    task = ready(symbols=symbols, delay=delay, layout="bai", score="every")
    assert (task.spec.input_size, task.spec.tokens, task.spec.output_size) == (1, False, 10)
    for inputs, targets, _ in islice(task.train_dataloader(), 30):
        shown = inputs[:, :symbols, 0]
        assert ((shown >= 1) & (shown <= 8) & (shown == shown.round())).all()
        rows = len(shown)
        zeros, nines = torch.zeros(rows, delay - 1), 9 * torch.ones(rows, symbols + 1)
        assert torch.equal(inputs[..., 0], torch.cat([shown, zeros, nines], 1))
        blanks = torch.full((rows, symbols + delay), 8)  # the class of a blank
        assert torch.equal(targets, torch.cat([blanks, shown.long() - 1], 1))


def test_the_layouts_ask_for_the_same_symbols():
    one, other = (next(iter(ready(layout=layout).train_dataloader())) for layout in LAYOUTS)
    assert torch.equal(one.targets, other.targets)


def test_longer_delays_are_further_test_splits():
    task = ready(symbols=3, delay=7)
    lengths = {
        name: next(iter(batches)).inputs.shape[1]
        for name, batches in task.extra_test_dataloaders().items()
    }
    assert lengths == {"delay_14": 14 + 6, "delay_28": 28 + 6}


def test_evaluation_splits_have_their_own_sequences_of_the_given_number():
    task = ready(eval_sequences=300)
    splits = [
        task.val_dataloader(),
        task.test_dataloader(),
        *task.extra_test_dataloaders().values(),
    ]
    recalled = [torch.cat([batch.targets[:, -5:] for batch in split]) for split in splits]
    assert [len(rows) for rows in recalled] == [300] * 4
    assert len({str(rows.tolist()) for rows in recalled}) == 4


def test_every_training_step_has_fresh_sequences_of_all_symbols():
    batches = list(islice(ready().train_dataloader(), 20))
    assert len({str(batch.inputs.tolist()) for batch in batches}) == 20
    assert set(torch.cat([batch.inputs for batch in batches]).unique().tolist()) == set(range(10))


@pytest.mark.parametrize(
    ("knobs", "message"),
    [
        ({"symbols": 0}, "symbols must be at least 1, not 0"),
        ({"delay": -1}, "delay must be at least 1, not -1"),
        ({"eval_sequences": 0}, "eval_sequences must be at least 1, not 0"),
        ({"alphabet": 1}, "alphabet must be at least 2, not 1"),
        ({"score": "all"}, "score must be one of recall, every, not all"),
        ({"layout": "mine"}, "layout must be one of arjovsky, bai, not mine"),
        ({"train_sequences": 0}, "train_sequences must be at least 1, not 0"),
    ],
)
def test_a_bad_knob_is_named_with_what_would_be_right(knobs, message):
    with pytest.raises(TaskError) as error:
        Copying(**knobs)
    assert str(error.value).startswith(message)
