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
from recurbench.tasks.base import Task


@dataclass(frozen=True)
class Prepared:
    """A run with its data loaded and its model built.

    Attributes:
        config: with all that was left open settled.
        references: the scores that the result is to be read against.
    """

    config: Config
    task: Task
    model: SequenceModel
    identity: Identity
    primary: Primary
    references: dict[str, float]


def prepare(config: Config) -> Prepared:
    """Loads the data, solves the budget, builds the model and finds the run's identity.

    Raises:
        UserError: the configuration or the data cannot work.
    """
    task = load_task(config)
    config, model = build_model(config, task)
    primary = Primary(name=task.primary, higher_is_better=higher_is_better(task))
    machine = machine_of(choose_device(config.trainer.accelerator), config.trainer)
    identity = identify(config, task.fingerprint(), machine)
    return Prepared(config, task, model, identity, primary, task.references())
