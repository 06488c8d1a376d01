"""What a run needs before it can start: data, model and identity."""

from dataclasses import dataclass

from recurbench.harness.config.sections import Config
from recurbench.harness.model.build import build_model, load_task
from recurbench.harness.model.sequence_model import SequenceModel
from recurbench.harness.results.record import Primary
from recurbench.harness.run.device import choose_device
from recurbench.harness.run.environment import machine_of
from recurbench.harness.run.identity import Identity, identify
from recurbench.harness.run.module import higher_is_better
from recurbench.harness.run.reads import Reads, noted_reads
from recurbench.tasks.base import Task


@dataclass(frozen=True)
class Prepared:
    """A run with its data loaded and its model built.

    Attributes:
        config: with all that was left open settled.
        references: the scores that the result on test is to be read against.
        split_references: those of other splits, by the names that a record has for them.
        reads: the files that the data came from.
    """

    config: Config
    task: Task
    model: SequenceModel
    identity: Identity
    primary: Primary
    references: dict[str, float]
    split_references: dict[str, dict[str, float]]
    reads: Reads


def prepare(config: Config) -> Prepared:
    """Loads the data, solves the budget, builds the model and finds the run's identity.

    Raises:
        UserError: the configuration or the data cannot work.
    """
    with noted_reads() as reads:
        task = load_task(config)
        fingerprint = task.fingerprint()
    config, model = build_model(config, task)
    primary = Primary(name=task.primary, higher_is_better=higher_is_better(task))
    identity = identity_of(config, fingerprint)
    return Prepared(
        config, task, model, identity, primary, task.references(), split_references_of(task), reads
    )


def split_references_of(task: Task) -> dict[str, dict[str, float]]:
    """The references of `val` and `test_<name>`, as far as the task knows some."""
    further = {f"test_{name}": name for name in task.extra_test_dataloaders()}
    found = {key: task.references_of(name) for key, name in {"val": "val", **further}.items()}
    return {key: known for key, known in found.items() if known}


def identity_of(config: Config, fingerprint: str) -> Identity:
    """The identity of a run on this machine.

    Args:
        config: with all that was left open settled, but for a hidden size that a budget solves.
        fingerprint: of the data.

    Raises:
        UserError: the device is not there.
    """
    machine = machine_of(choose_device(config.trainer), config.trainer)
    return identify(config, fingerprint, machine)
