"""`recurbench` as a program of its own, without waiting seconds for torch to be imported.

The program is forked from the process of the tests, which has imported all of it, and has streams,
signals, variables and a folder of its own. That a fresh interpreter starts it as well is tested by
the tests of the wheel, of the README and of what is imported.
"""

import gc
import logging
import os
import signal
import subprocess
import sys
import warnings
from collections.abc import Mapping
from contextlib import suppress
from multiprocessing import forkserver, resource_tracker
from pathlib import Path
from typing import Any

from hydra.core.global_hydra import GlobalHydra

from recurbench.harness.cli import main
from recurbench.harness.commands.loaded import run  # noqa: F401 - what most programs need
from recurbench.harness.plugins.registry import registry
from recurbench.harness.run.stopping import SIGNALS
from recurbench.harness.sweep.forking import forking


def start(
    *arguments: str | Path,
    environment: Mapping[str, str] | None = None,
    stdout: Any = subprocess.PIPE,
    stderr: Any = subprocess.PIPE,
    cwd: Path | None = None,
) -> subprocess.Popen[str]:
    """Starts `recurbench`.

    Args:
        arguments: of the command line.
        environment: more variables than ours.
        stdout: as `subprocess` takes it.
        stderr: likewise.
        cwd: the folder that it works in.
    """
    forking()  # sweeps of the program are forked from the same process as those of the tests

    def instead_of_an_interpreter() -> None:
        _become_a_program(environment or {})
        os._exit(_code([str(argument) for argument in arguments]))

    return subprocess.Popen(
        [sys.executable, "-c", "raise SystemExit('never')"],
        stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr, cwd=cwd, text=True,
        preexec_fn=instead_of_an_interpreter,
    )  # fmt: skip


def _become_a_program(environment: Mapping[str, str]) -> None:
    """Gives up what belongs to the tests."""
    server: Any = forkserver._forkserver
    tracker: Any = resource_tracker._resource_tracker
    _close_all_but(server._forkserver_alive_fd, tracker._fd)
    server.ensure_running = lambda: None  # it is no child of the program's to be waited for
    for number in SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)  # both as an interpreter has them
    os.environ.update(environment)
    sys.stdin = os.fdopen(0, "r", encoding="utf-8", closefd=False)
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = os.fdopen(2, "w", 1, encoding="utf-8", errors="replace", closefd=False)
    sys.argv = ["recurbench"]
    logging.root.handlers.clear()
    for logger in logging.root.manager.loggerDict.values():  # which Hydra turns off, run by run
        if isinstance(logger, logging.Logger):
            logger.disabled = False
    warnings.resetwarnings()
    warnings.simplefilter("ignore", DeprecationWarning)
    gc.enable()
    registry.cache_clear()
    GlobalHydra.instance().clear()


def _close_all_but(*kept: int) -> None:
    """Closes what a program would not have inherited, and what tells `Popen` that it runs."""
    for name in os.listdir("/proc/self/fd"):
        if int(name) > 2 and int(name) not in kept:
            with suppress(OSError):  # the list was one itself
                os.close(int(name))


def _code(arguments: list[str]) -> int:
    """The exit code, as the interpreter would give it."""
    try:
        code: object = main(arguments)
    except SystemExit as end:
        code = end.code or 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
        code = 1
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            code = 120
    return code if isinstance(code, int) else 1
