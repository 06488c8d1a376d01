"""What a configuration asks for: the task with its data, the cell and the model around it."""

from dataclasses import replace
from typing import Any

from recurbench.cells.base import RecurrentCell
from recurbench.harness.config.budgets import BUDGETS
from recurbench.harness.config.resolve import knobs_of, plugin_of
from recurbench.harness.config.sections import Config, ModelConfig
from recurbench.harness.errors import UserError
from recurbench.harness.model.budget import solve_hidden_size
from recurbench.harness.model.encoders import resolve_encoder
from recurbench.harness.model.sequence_model import SequenceModel
from recurbench.harness.plugins.errors import refusals_of
from recurbench.tasks.base import Task


def load_task(config: Config) -> Task:
    """The configured task with its data.

    Raises:
        UserError: its knobs or its data cannot work.
    """
    with refusals_of("task", config.task["name"]):
        return build_task(config).ready(batch_size=config.train.batch_size, seed=config.seed)


def build_model(config: Config, task: Task) -> tuple[Config, SequenceModel]:
    """The model at its initial weights, and the configuration with all that was left open settled.

    Raises:
        UserError: the model does not fit the task, no hidden size the budget, or residual
            connections no layer.
    """
    require_possible(config.model, task)
    config = replace(config, model=resolve_encoder(config.model, task.spec))

    def build_cell(hidden_size: int) -> RecurrentCell[Any]:
        return make_cell(config, config.model.embedding_size, hidden_size)

    def build(hidden_size: int) -> SequenceModel:
        return SequenceModel(
            task.spec,
            lambda input_size: make_cell(config, input_size, hidden_size),
            config.model,
            config.seed,
        )

    with refusals_of("cell", config.cell["name"]):
        solved = config.cell["hidden_size"]
        for name, goal in budgets_of(config):
            solved = solve_hidden_size(name, goal, build_cell, build)
        model = build(solved)
    require_residual(config.model, model)
    return replace(config, cell={**config.cell, "hidden_size": solved}), model


def budgets_of(config: Config) -> list[tuple[str, int]]:
    """The budget that the hidden size is solved for, if a configuration sets one, by its name.

    Raises:
        UserError: it sets several, which one hidden size cannot meet.
    """
    goals = {name: getattr(config.budget, name) for name in BUDGETS}
    found = [(name, goal) for name, goal in goals.items() if goal is not None]
    if len(found) > 1:
        names = " and ".join(f"budget.{name}" for name, _ in found)
        raise UserError(f"{names}: one hidden size cannot meet both; set one of them")
    return found


def require_possible(model: ModelConfig, task: Task) -> None:
    """Refuses what no model can do on a task.

    Raises:
        UserError: it would see what it is to predict, or read out what is asked step by step.
    """
    if model.bidirectional and task.spec.predicts_next:
        raise UserError(
            f"model.bidirectional=true: task={task.name} predicts the next step, which a backward "
            "cell would have seen"
        )
    if model.readout != "last" and task.spec.scope == "step":
        raise UserError(
            f"model.readout={model.readout}: task={task.name} predicts at every step, and this "
            "makes one prediction of a whole sequence; leave model.readout=last"
        )


def require_residual(config: ModelConfig, model: SequenceModel) -> None:
    """Refuses residual connections where no layer gives as many features as it takes.

    Raises:
        UserError: says which width would do.
    """
    if config.residual and not any(layer.residual for layer in model.layers):
        width = model.layers[0].output_size
        raise UserError(
            f"model.residual=true has no effect: the layer takes {config.embedding_size} features "
            f"and gives {width}; it goes with model.embedding_size={width}"
        )


def build_task(config: Config) -> Task:
    """The configured task, its data not loaded yet."""
    task: Task = plugin_of(config, "task").cls(**knobs_of(config.task))
    return task


def make_cell(config: Config, input_size: int, hidden_size: int) -> RecurrentCell[Any]:
    """The configured cell at an input size and a hidden size."""
    knobs = {**knobs_of(config.cell), "hidden_size": hidden_size}
    cell: RecurrentCell[Any] = plugin_of(config, "cell").cls(input_size, **knobs)
    return cell
