"""`recurbench check` from the command line."""

import pytest

from recurbench.harness.cli import main
from recurbench.harness.conformance import (
    PROPERTIES,
    TASK_PROPERTIES,
    CellTests,
    TaskTests,
    check_cell,
    check_task,
)
from recurbench.harness.plugins.registry import registry

UNSTABLE = '''
from recurbench.cells.rnn import RNN


class Unstable(RNN):
    """Grows without bounds (nobody 2026).

        h' = 2 h + u,   y = h'
    """

    name = "unstable"

    def recur(self, u, state):
        h = 2 * state.h + u + state.h @ self.weight_hh.T
        return h, type(state)(h)
'''

BIASED = '''
from recurbench.tasks.copying import Copying


class Biased(Copying):
    """Knows no seed.

        >>> Biased.name
        'biased'

    Args:
        delay: as in copying.
    """

    name = "biased"

    def __init__(self, *, delay: int = 5) -> None:
        super().__init__(delay=delay, eval_sequences=50)

    def train_dataloader(self):
        self.seed = 0
        return super().train_dataloader()
'''


def test_a_sound_cell_passes(capsys):
    assert main(["check", "cell", "mgu"]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in PROPERTIES)
    assert "✓ mgu: 20 of 20 properties hold" in shown


def test_a_failure_says_what_was_seen_and_the_usual_cause(plugin_folder, capsys):
    (plugin_folder / "unstable.py").write_text(UNSTABLE)
    assert main(["check", "cell", "unstable"]) == 1
    shown = capsys.readouterr().out
    assert "✗ long_sequences\n      seen: output at row 0, step" in shown
    assert "expected: finite" in shown
    assert "usual cause: an unstable recurrence" in shown
    assert "✗ unstable: 19 of 20 properties hold" in shown


def test_an_idea_of_ones_own_passes_with_a_note_that_it_has_no_citation(plugin_folder, capsys):
    own = UNSTABLE.replace(" (nobody 2026)", "").replace("h = 2 * state.h +", "h = 0 * state.h +")
    (plugin_folder / "unstable.py").write_text(own)
    properties = ["--property", "signature_and_docstring"]
    assert main(["check", "cell", "unstable", *properties]) == 0
    shown = capsys.readouterr().out
    assert "✓ signature_and_docstring\n      note: no citation in the docstring" in shown
    assert main(["check", "cell", "unstable", "gru", *properties]) == 0
    assert capsys.readouterr().out.count("note:") == 1


def test_several_cells_and_knobs_are_checked_at_once(capsys):
    arguments = ["gru_cho", "lstm", "cell.bias=false", "--property", "causal"]
    assert main(["check", "cell", *arguments]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert [line.partition("(")[0] for line in shown] == [
        "✓ gru_cho: 1 of 1 properties hold ",
        "✓ lstm: 1 of 1 properties hold ",
    ]


def test_without_a_name_all_cells_and_presets_are_checked(capsys):
    assert main(["check", "cell", "--property", "refusals"]) == 0
    shown = capsys.readouterr().out
    for name in [*registry().plugins["cell"], "gru_cho", "lstm_peephole"]:
        assert f"✓ {name}: " in shown


def test_a_sound_task_passes(capsys):
    assert main(["check", "task", "copying", "task.eval_sequences=50"]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in TASK_PROPERTIES)
    assert "✓ copying: 16 of 16 properties hold, 1 does not apply" in shown


def test_a_tasks_failure_says_what_was_seen_and_the_usual_cause(plugin_folder, capsys):
    (plugin_folder / "biased.py").write_text(BIASED)
    properties = ["--property", "equal_seeds_give_equal_batches", "--property", "loads_once"]
    assert main(["check", "task", "biased", *properties]) == 1
    shown = capsys.readouterr().out
    assert "✗ equal_seeds_give_equal_batches\n      seen: the training batches of seed 0" in shown
    assert "usual cause: `self.seed` is not used" in shown
    assert "✗ biased: 1 of 2 properties hold" in shown


def test_without_a_name_all_tasks_are_checked(capsys):
    assert main(["check", "task", "--property", "primary_ranks"]) == 0
    shown = capsys.readouterr().out
    for name in registry().plugins["task"]:
        assert f"✓ {name}: 1 of 1 properties hold" in shown


def test_verbose_says_what_the_property_means(capsys):
    assert main(["check", "cell", "gru", "--property", "causal", "--verbose"]) == 0
    assert "A change at step t leaves every output before t as it was." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["cell", "grv"], "cell=grv; did you mean gru?"),
        (["cell", "gru", "cell.windo=3"], "cell (gru) has no option windo"),
        (["cell", "gru", "window=3"], "window=3: only a cell's knobs can be set"),
        (["cell", "gru", "task.delay=3"], "task.delay=3: only a cell's knobs can be set"),
        (["cell", "gru", "cell.hidden_size=8"], "the suite chooses the sizes itself"),
        (["cell", "gru", "--property", "casual"], "--property casual; did you mean causal?"),
        (["task", "copyng"], "task=copyng; did you mean copying?"),
        (["task", "copying", "task.dely=3"], "task (copying) has no option dely"),
        (["task", "copying", "cell.bias=false"], "only a task's knobs can be set"),
        (["task", "copying", "task.delay=-1"], "task.delay must be at least 1, not -1"),
        (["task", "copying", "--property", "causal"], "--property causal"),
    ],
)
def test_a_mistake_is_one_line(arguments, message, capsys):
    assert main(["check", *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


class TestAsAPluginsAuthorWritesIt(CellTests):
    cell = registry().plugins["cell"]["attention_gru"].cls
    knobs = {"window": 3}


class TestATaskAsAPluginsAuthorWritesIt(TaskTests):
    task = registry().plugins["task"]["copying"].cls
    knobs = {"delay": 3, "eval_sequences": 50}


@pytest.mark.parametrize(
    ("tests", "properties"),
    [
        (TestAsAPluginsAuthorWritesIt, PROPERTIES),
        (TestATaskAsAPluginsAuthorWritesIt, TASK_PROPERTIES),
    ],
)
def test_the_class_has_a_test_for_each_property(tests, properties):
    assert all(hasattr(tests, f"test_{name}") for name in properties)


def test_check_cell_takes_knobs():
    check_cell(registry().plugins["cell"]["rnn"].cls, nonlinearity="relu", init="identity")


def test_check_task_takes_knobs():
    check_task(registry().plugins["task"]["copying"].cls, symbols=2, eval_sequences=50)
