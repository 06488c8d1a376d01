"""A record with one part spoiled: all its parts are found in its type, so that a new one joins."""

import copy
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
from making import make_record
from msgspec import inspect

from recurbench.harness.results.record import Failure, Group, Record
from recurbench.harness.results.runs import Run, run_of

Path = tuple[str | int, ...]

NEW_KEY = "<a new key>"
"""In a path, stands for a key that is added."""

_WHOLE = make_record(
    study="a study",
    resumed_after=3,
    overlap=0.5,
    split_references={"val": {"chance": 0.1}},
    best_step=2,
    groups=[Group(lr=0.1, weight_decay=0.0, parameters=123, names=["head.weight"])],
    logger=[{"name": "csv", "directory": "logs"}],
    error=Failure(type="E", message="m", traceback="t"),
)
WHOLE: dict[str, Any] = msgspec.to_builtins(_WHOLE)
"""A record in which no part is null, if it can be another."""

WHOLE["cell"] |= {"bias": True, "gains": [1.5, "a word"]}
WHOLE["track"]["machine"] = {"hardware": "a processor", "threads": 1}
WHOLE["environment"] |= {"cuda": "12.8", "devices": 2}


def parts() -> dict[Path, list[inspect.Type]]:
    """Every part of a record by its path, with the types that it may have."""
    return dict(_parts(inspect.type_info(Record), WHOLE, ()))


def texts() -> list[Path]:
    """The paths of all parts that may be a text, keys included."""
    return [
        path
        for path, kinds in parts().items()
        if path[-1] == NEW_KEY or any(isinstance(kind, inspect.StrType) for kind in kinds)
    ]


def spoiled(path: Path, value: Any, tree: dict[str, Any] = WHOLE) -> dict[str, Any]:
    """A copy of a whole record with a value in place of a part, or as a key if the path ends so."""
    tree = copy.deepcopy(tree)
    node: Any = tree
    for step in path[:-1]:
        node = node[step]
    if path[-1] == NEW_KEY:
        node[value] = copy.deepcopy(next(iter(node.values())))
    else:
        node[path[-1]] = value
    return tree


def with_texts(paths: Iterable[Path], text: str, **changes: Any) -> Record:
    """A whole record with a text in some places; its metric is there under its name.

    Args:
        changes: further fields of the record.
    """
    tree = WHOLE | changes
    for path in paths:
        tree = spoiled(path, text, tree)
    for scores in tree["metrics"].values():
        scores.setdefault(tree["primary"]["name"], 0.5)
    return msgspec.convert(tree, Record)


def runs_with(text: str) -> list[Run]:
    """Completed and failed runs with a text in each place that takes any, a track for each.

    The name of the file is one; JSON has no lone surrogates, which names may have.
    """
    found = [run_of(_WHOLE, text)]
    text = text.encode(errors="replace").decode()
    for number, path in enumerate(texts()):
        if path not in (("started_at",), ("finished_at",)):  # of a time alone
            for status in ("completed", "failed"):
                record = with_texts([path], text, status=status)
                if path != ("track", "id"):
                    record.track.id = f"t{number}"
                found.append(run_of(record, "run.json"))
    return found


def _parts(kind: inspect.Type, node: Any, path: Path) -> Iterator[tuple[Path, list[inspect.Type]]]:
    kinds = list(kind.types) if isinstance(kind, inspect.UnionType) else [kind]
    if path:
        yield path, kinds
    for one in kinds:
        match one:
            case inspect.StructType(fields=fields):
                assert node is not None, f"{path} is to be filled in WHOLE"
                for field in fields:
                    yield from _parts(field.type, node[field.name], (*path, field.name))
            case inspect.DictType(value_type=value):
                yield (*path, NEW_KEY), []
                for key, inner in node.items():
                    yield from _parts(value, inner, (*path, key))
            case inspect.ListType(item_type=item) if isinstance(node, list):
                for place, inner in enumerate(node):
                    yield from _parts(item, inner, (*path, place))
            case _:
                continue
