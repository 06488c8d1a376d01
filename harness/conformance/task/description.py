"""Properties of what a task says of itself: its fingerprint and docstring, here and elsewhere."""

import doctest
import inspect
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from recurbench.harness.conformance.findings import NotApplicable, require
from recurbench.harness.conformance.task.splits import example_files, own_file_knobs
from recurbench.harness.conformance.task.stranger import answer, ask_a_stranger
from recurbench.harness.conformance.task.subject import PART, ROWS, Subject, digest, first, prepared
from recurbench.harness.errors import PluginError
from recurbench.harness.plugins.registry import describe
from recurbench.tasks.base import Task, TaskError, TaskSpec


def fingerprint_follows_the_data(subject: Subject) -> None:
    """The fingerprint changes when a knob or file that changes the data does, and only then."""
    base, hints = subject.task, get_type_hints(subject.cls.__init__)
    for name, parameter in inspect.signature(subject.cls).parameters.items():
        if name in subject.cls.paths:
            continue
        for value in others(subject.knobs.get(name, parameter.default), hints[name]):
            try:
                changed = subject.prepare(**{name: value})
            except TaskError:
                continue  # not a value of this knob
            differs = _check_change(f"{name}={value}", base, changed)
            if differs and not isinstance(value, str):
                break  # of a number's values one that changes the data is enough
    with tempfile.TemporaryDirectory() as folder:
        _check_files(subject, Path(folder))


def others(value: Any, annotation: Any) -> Iterator[Any]:
    """Other values of a knob than the one it has, as its type allows; none for texts and lists."""
    choices = get_args(annotation)
    if type(None) in choices:
        if value is not None:
            yield None
        (annotation,) = (choice for choice in choices if choice is not type(None))
        choices = get_args(annotation)
    if annotation is bool:
        yield not value
    elif annotation is int:
        yield from (5, 2) if value is None else (value + 1, 2 * value)
    elif annotation is float:
        yield from (0.5, 2.0) if value is None else (value / 2, 2 * value, value + 0.1)
    elif get_origin(annotation) is not list:
        yield from (choice for choice in choices if choice != value)


def _check_change(what: str, base: Task, changed: Task) -> bool:
    """Whether the data is other data; that of the fingerprint must say so too."""
    before, after = answer(base), answer(changed)
    other_data, other_fingerprint = (a != b for a, b in zip(before[::-1], after[::-1], strict=True))
    require(
        other_fingerprint or not other_data,
        seen=f"the same fingerprint for other data, {what}",
        expected="another: two runs on different data would be ranked together",
        cause="something that decides what batches hold is not in `hash_data(...)`",
    )
    require(
        other_data or not other_fingerprint or _all_training(base) != _all_training(changed),
        seen=f"another fingerprint for the same data, {what}",
        expected="the same: equal runs would not be ranked together",
        cause="a knob in `hash_data(...)` that the data does not depend on, or a path",
    )
    return other_fingerprint


def _all_training(task: Task) -> tuple[TaskSpec, str]:
    """The spec and, of finite training data, a hash of a whole pass."""
    loader = task.train_dataloader()
    return task.spec, digest(first(loader, loader.epoch or PART))


def _check_files(subject: Subject, folder: Path) -> None:
    try:
        file, other, *_ = example_files(subject.cls, folder)
    except NotApplicable:
        return
    shutil.copytree(file.parent, folder / "elsewhere")
    files = file, folder / "elsewhere" / file.name, other
    knobs = own_file_knobs(subject)
    base, same, changed = (
        prepared(subject.cls, knobs | {"file": str(path)}, batch_size=ROWS, seed=0)
        for path in files
    )
    _check_change("file=COPY", base, same)
    require(
        _check_change("file=OTHER", base, changed),
        seen="the same data from a file with other content",
        expected="the data of the file",
        cause="`file` is not read, or `example_file` does not depend on its seed",
    )


def other_process(subject: Subject) -> None:
    """The data is the same in a process of its own, with another hash seed and without network."""
    stranger, own = ask_a_stranger(subject.cls, subject.knobs), answer(subject.task)
    require(
        stranger == own,
        seen=f"{stranger} in a process with another PYTHONHASHSEED",
        expected=f"{own}, as here",
        cause="an iteration over a set, `hash()`, or the order in which a folder lists its files",
    )


def documented(subject: Subject) -> None:
    """The constructor is a configuration; the docstring has an example that runs and all knobs."""
    cls = subject.cls
    try:
        describe("task", cls, origin="")
    except PluginError as error:
        require(
            False,
            seen=str(error),
            expected="a class that a configuration can be made from",
            cause="a knob without a type or a default",
        )
    text = inspect.cleandoc(vars(cls).get("__doc__") or "")
    _, _, arguments = text.partition("Args:")
    missing = [
        name
        for name in inspect.signature(cls).parameters
        if not re.search(rf"^ +{name}: \S", arguments, re.MULTILINE)
    ]
    require(
        not missing,
        seen=f"nothing under Args of the class's docstring about {', '.join(missing)}",
        expected="a line `name: what it does` for each knob",
        cause="a new knob",
    )
    module = sys.modules[cls.__module__]
    example = doctest.DocTestParser().get_doctest(
        text, dict(vars(module)), cls.__name__, inspect.getfile(cls), 0
    )
    require(
        bool(example.examples),
        seen="no example in the class's docstring",
        expected="a line that begins with >>>, and what it prints",
        cause="an example that nothing runs",
    )
    said: list[str] = []
    doctest.DocTestRunner(verbose=False).run(example, out=said.append)
    require(
        not said,
        seen="".join(said).strip().replace("\n", " | "),
        expected="what the docstring says",
        cause="an example of an earlier version of the task",
    )
