"""What Lightning is kept from: signals that it answers in its own way, banners, and advice."""

import logging
import signal
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from pytorch_lightning.utilities.exceptions import SIGTERMException


@contextmanager
def tamed() -> Iterator[None]:
    """Runs a block of Lightning's without its banners, and with the usual meaning of signals."""
    with _quiet(), _honest_exits():
        yield


@contextmanager
def _honest_exits() -> Iterator[None]:
    """Undoes what Lightning makes of signals.

    It turns Ctrl-C into an exit with code 1, after which Ctrl-C is ignored, and a termination into
    an exit with code 0, which would look like success.
    """
    handler = signal.getsignal(signal.SIGINT)
    try:
        yield
    except SIGTERMException:
        raise SystemExit(128 + signal.SIGTERM) from None
    except SystemExit as exit_:
        if not isinstance(exit_.__context__, KeyboardInterrupt):
            raise
        signal.signal(signal.SIGINT, handler)
        raise KeyboardInterrupt from None


@contextmanager
def _quiet() -> Iterator[None]:
    """Silences Lightning's banners and advice, which concern choices that the harness has made."""
    loggers = [
        logging.getLogger(f"{package}.utilities.rank_zero")
        for package in ("pytorch_lightning", "lightning_fabric")
    ]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="pytorch_lightning")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
