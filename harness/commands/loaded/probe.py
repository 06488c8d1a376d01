"""`recurbench probe`: the card of a cell, at its initial weights and after training."""

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from torch import Tensor

from recurbench.cells.base import RecurrentCell
from recurbench.harness.commands.arguments import MATTERS
from recurbench.harness.commands.loaded.kept import checkpoint_of, initial_model, load_kept
from recurbench.harness.commands.show import find_record
from recurbench.harness.config.compose import compose_jobs, options_of
from recurbench.harness.config.resolve import plugin_of, resolve
from recurbench.harness.config.schema import register
from recurbench.harness.config.sections import Config
from recurbench.harness.console import say
from recurbench.harness.errors import UserError, nearest
from recurbench.harness.model.build import make_cell
from recurbench.harness.model.sequence_model import SequenceModel
from recurbench.harness.model.streams import seeded
from recurbench.harness.plugins.errors import refusals_of
from recurbench.harness.plugins.registry import registry
from recurbench.harness.probe.card import probe
from recurbench.harness.probe.document import Document, write
from recurbench.harness.probe.pages import write_pages
from recurbench.harness.probe.picture import can_draw, draw
from recurbench.harness.probe.settings import Settings
from recurbench.harness.probe.table import table_of
from recurbench.harness.results.folder import ResultsFolder, safe_name
from recurbench.harness.results.record import digest
from recurbench.harness.results.writing import write_whole
from recurbench.harness.run.environment import describe_environment
from recurbench.harness.run.outcome import is_out_of_memory
from recurbench.harness.run.restore import config_of
from recurbench.tasks.base import Task

SETTINGS = Settings()

POOL = 4096
"""Inputs of a trained cell that it is driven by."""


def probe_cell(arguments: list[str], layer: int) -> Document:
    """Measures a cell as the first layer of a model has it before training.

    Args:
        arguments: the name of a cell or preset, and overrides.
        layer: has to be 1.

    Raises:
        UserError: there is no such cell or option, or an override changes nothing about a cell.
    """
    names = [argument for argument in arguments if "=" not in argument]
    overrides = [argument for argument in arguments if "=" in argument]
    register()
    if len(names) != 1:
        raise UserError(f"name one cell, or --run RUN_ID{nearest('', options_of('cell'))}")
    if layer != 1:
        raise UserError(f"--layer {layer}: goes with --run; a cell alone has no other layers")
    for override in overrides:
        if not override.startswith(MATTERS):
            raise UserError(
                f"{override}: only cell.KNOB, model.embedding_size and seed change a cell"
            )
    (composed,), _ = compose_jobs([f"cell={names[0]}", *overrides], multirun=False)
    config = resolve(composed)
    torch.set_num_threads(1)
    size = config.model.embedding_size
    name = names[0]
    if overrides:
        name += f"-{digest([config.cell, size, config.seed])[:8]}"
    hidden_size = config.cell["hidden_size"]
    with within_memory(f"cell={names[0]} with hidden size {hidden_size} and {size} inputs"):
        with refusals_of("cell", config.cell["name"]), seeded(config.seed, "layer 0"):
            cell = make_cell(config, size, hidden_size)
        return _document(config, name, cell, None)


def probe_run(results: Path, run_id: str, layer: int, arguments: list[str]) -> Document:
    """Measures the cell of a run at the weights that it began with and at those that it kept.

    Of a layer in both directions the forward cell is measured.

    Raises:
        UserError: there is no such run or layer, it kept no checkpoint, what is installed cannot
            rebuild it, or there are overrides, which a run leaves no room for.
    """
    if arguments:
        raise UserError(
            f"{arguments[0]}: --run says which cell and with which options; leave it out"
        )
    record = find_record(ResultsFolder(results).runs, run_id)
    config = config_of(record)
    if layer > config.model.depth:
        raise UserError(f"--layer {layer}: run {record.run_id} has {config.model.depth}")
    checkpoint = checkpoint_of(record, results)
    task, initial = initial_model(record, config, "the card may differ")
    trained = deepcopy(initial)
    load_kept(trained, checkpoint, record)
    name = record.run_id if config.model.depth == 1 else f"{record.run_id}-layer{layer}"
    cells = [_cell_of(model, layer) for model in (initial, trained)]
    pools = [
        _inputs(model, cell, task) for model, cell in zip((initial, trained), cells, strict=True)
    ]
    with within_memory(f"run {record.run_id}"):
        document = _document(config, name, cells[0], pools[0])
        document.run_id, document.layer = record.run_id, layer
        document.trained = probe(cells[1], _maker(config, cells[1]), SETTINGS, pools[1])
    return document


@contextmanager
def within_memory(what: str) -> Iterator[None]:
    """Turns an error about memory into one of the user's.

    Args:
        what: is measured.

    Raises:
        UserError: memory did not suffice.
    """
    try:
        yield
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        raise UserError(f"{what}: too large for the memory of this machine") from error


def show(document: Document, output: Path | None, results: Path) -> None:
    """Prints the table of a document, and writes document and picture.

    Args:
        document: the cards.
        output: the folder for both; None is that of the results.
        results: the results folder.
    """
    folder = output or ResultsFolder(results).probes
    stem = safe_name(document.name)
    Console(highlight=False).print(table_of(document))
    path = folder / f"{stem}.json"
    write(document, path)
    say(f"wrote {path}")
    if can_draw():
        picture = path.with_suffix(".png")
        write_whole(picture, draw(document))
        say(f"wrote {picture}")
    else:
        say("no picture: it needs matplotlib: pip install 'recurbench[plot]'")


def make_pages(folder: Path) -> None:
    """Probes every built-in cell at its defaults, and writes the pages and their index."""
    cards = []
    for name, plugin in sorted(registry().plugins["cell"].items()):
        if plugin.cls.__module__.startswith("recurbench.cells."):
            cards.append((plugin, probe_cell([name], 1)))
            say(f"probed {name}")
    write_pages(cards, folder)
    say(f"wrote {folder / 'index.md'} and {len(cards)} pages")


def _document(config: Config, name: str, cell: RecurrentCell[Any], pool: Tensor | None) -> Document:
    """The document of a cell at its initial weights."""
    return Document(
        name=name,
        cell={**config.cell, "hidden_size": cell.hidden_size},
        code=plugin_of(config, "cell").version,
        input_size=cell.input_size,
        seed=config.seed,
        run_id=None,
        layer=1,
        settings=SETTINGS,
        environment=describe_environment(torch.device("cpu"), config.trainer),
        initial=probe(cell, _maker(config, cell), SETTINGS, pool),
        trained=None,
    )


def _maker(config: Config, cell: RecurrentCell[Any]) -> Any:
    """Makes cells of the same knobs at another hidden size."""
    return lambda hidden_size: make_cell(config, cell.input_size, hidden_size)


def _cell_of(model: SequenceModel, layer: int) -> RecurrentCell[Any]:
    cells: Any = model.layers[layer - 1].cells
    cell: RecurrentCell[Any] = cells[0]
    return cell


def _inputs(model: SequenceModel, cell: RecurrentCell[Any], task: Task) -> Tensor:
    """Inputs `(N, I)` that a cell of a model has on the validation data of a task."""
    seen: list[Tensor] = []

    def listen(_: Any, arguments: tuple[Any, ...]) -> None:
        x = arguments[0]
        seen.append(x.flatten(0, 1) if isinstance(x, Tensor) else x.data)

    handle = cell.register_forward_pre_hook(listen)
    try:
        with torch.no_grad():
            for batch in task.val_dataloader():
                model.eval()(batch.inputs)
                if sum(map(len, seen)) >= POOL:
                    break
    finally:
        handle.remove()
    pool = torch.cat(seen)
    source = torch.Generator().manual_seed(SETTINGS.seed)
    return pool[torch.randperm(len(pool), generator=source)[:POOL]]
