"""A process with another hash seed, which says what it makes of a task.

It is started once for all tasks, because importing torch takes longer than most checks.
"""

import atexit
import importlib
import importlib.util
import inspect
import json
import os
import subprocess
import sys
from functools import cache
from typing import Any, NamedTuple

import torch

from recurbench.harness.conformance.findings import NotApplicable
from recurbench.harness.conformance.task.subject import (
    ROWS,
    digest,
    evaluation_of,
    first,
    offline,
    prepared,
)
from recurbench.harness.console import say
from recurbench.tasks.base import Task, hash_data

HASH_SEED = "4242"

TRAINING = 3
"""Training batches that are compared."""


class Answer(NamedTuple):
    """What is compared of a task.

    Attributes:
        fingerprint: what it says of its data.
        data: a hash of its first training batches and of all evaluation splits.
    """

    fingerprint: str
    data: str


def answer(task: Task) -> Answer:
    """What a task gives here."""
    splits = {name: digest(batches) for name, batches in evaluation_of(task).items()}
    data = hash_data(digest(first(task.train_dataloader(), TRAINING)), splits)
    return Answer(task.fingerprint(), data)


def ask_a_stranger(cls: type[Task], knobs: dict[str, Any]) -> Answer:
    """What a task gives in another process.

    Raises:
        NotApplicable: the class is not to be found by its name.
    """
    if "<locals>" in cls.__qualname__:
        raise NotApplicable("the class is defined in a function, where no other process finds it")
    question = {
        "module": cls.__module__,
        "file": inspect.getfile(cls),
        "name": cls.__qualname__,
        "knobs": knobs,
        "path": sys.path,
        "folder": os.getcwd(),
    }
    process = _stranger()
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(json.dumps(question) + "\n")
    process.stdin.flush()
    said = json.loads(process.stdout.readline())
    if "error" in said:
        raise RuntimeError(f"in another process: {said['error']}")
    return Answer(**said)


@cache
def _stranger() -> "subprocess.Popen[str]":
    process = subprocess.Popen(  # noqa: S603 - it runs this file
        [sys.executable, "-c", f"from {__name__} import listen; listen()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONHASHSEED": HASH_SEED, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    atexit.register(process.communicate)  # the end of its input ends it
    return process


def _find(module: str, file: str, name: str) -> type[Task]:
    """A class by name, of a module that can be imported or of a file."""
    importlib.invalidate_caches()
    try:
        found = importlib.import_module(module)
    except ImportError:
        spec = importlib.util.spec_from_file_location(module, file)
        assert spec is not None
        assert spec.loader is not None
        found = importlib.util.module_from_spec(spec)
        sys.modules[module] = found
        try:
            spec.loader.exec_module(found)
        finally:
            del sys.modules[module]  # the next time the file may be another
    cls: type[Task] = getattr(found, name)
    return cls


def listen() -> None:
    """Answers the questions on standard input, a line each."""
    with offline():
        for line in sys.stdin:
            question = json.loads(line)
            sys.path[:] = question.pop("path")
            os.chdir(question.pop("folder"))  # knobs may hold relative paths, and plugins too
            torch.manual_seed(0)  # as whoever asks has done
            knobs = question.pop("knobs")
            try:
                task = prepared(_find(**question), knobs, batch_size=ROWS, seed=0)
                said = answer(task)._asdict()
            except Exception as error:  # a task may raise anything
                said = {"error": f"{type(error).__name__}: {error}"}
            say(json.dumps(said))
