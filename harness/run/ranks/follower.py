"""A further process of a run on several devices: `python -m recurbench.harness.run.ranks.follower`.

It takes its rows of every batch and gives their gradients; weights come from the first process at
each step, so that the optimizer, the schedule, evaluations and checkpoints are that one's alone.
"""

import json
import os
import pickle
import signal
import sys
import threading
import traceback
from dataclasses import dataclass
from typing import Any

import torch
from omegaconf import OmegaConf
from torch.distributed import Store, TCPStore  # type: ignore[attr-defined] # torch exports them

from recurbench.harness.config.resolve import resolve
from recurbench.harness.config.schema import register
from recurbench.harness.errors import PLUGIN_ERRORS, first_line
from recurbench.harness.model.streams import seeded
from recurbench.harness.run.device import choose_device
from recurbench.harness.run.memory import keep_freed_memory
from recurbench.harness.run.module import SequenceModule
from recurbench.harness.run.prepare import prepare
from recurbench.harness.run.ranks.link import Link, LostRankError, Order
from recurbench.harness.run.ranks.share import collected, handed_out
from recurbench.harness.run.stopping import SIGNALS
from recurbench.tasks.base import Batch

READY, FAILED = "ready/{}", "failed/{}"
"""Keys of the store, by rank."""


@dataclass(frozen=True)
class Errand:
    """What a further process is told.

    Attributes:
        sections: of the configuration.
        port: of the store on this machine where the processes find each other.
        rank: of the process.
        world: how many there are.
        position: of the first batch.
    """

    sections: dict[str, Any]
    port: int
    rank: int
    world: int
    position: int


def main() -> None:
    """Follows the first process until that ends, and tells it of an error."""
    for number in SIGNALS:  # Ctrl-C reaches all; the first one saves, which needs the others
        signal.signal(number, signal.SIG_IGN)
    errand: Errand = pickle.load(sys.stdin.buffer)  # noqa: S301 - from our own process
    threading.Thread(target=_end_with_the_first, daemon=True).start()
    store = TCPStore("127.0.0.1", errand.port)
    try:
        follow(errand, store)
    except LostRankError:
        return
    except PLUGIN_ERRORS as error:
        said = first_line(error), traceback.format_exc()
        store.set(FAILED.format(errand.rank), json.dumps(said))


def _end_with_the_first() -> None:
    """Ends this process when the first one does, wherever it waits for it."""
    sys.stdin.buffer.read()
    os._exit(1)


def follow(errand: Errand, store: Store) -> None:
    """Takes its part in every step, for ever.

    Raises:
        LostRankError: the first process has ended.
    """
    register()
    config = resolve(OmegaConf.create(errand.sections))
    torch.set_num_threads(config.trainer.threads)
    keep_freed_memory()
    device = choose_device(config.trainer, errand.rank)
    prepared = prepare(config)
    module = SequenceModule(prepared.model, prepared.task, config.optimizer, config.train)
    module.to(device).train()
    store.set(READY.format(errand.rank), "")
    module.link = link = Link(store, errand.rank, errand.world, device)
    half = torch.autocast(device.type, torch.bfloat16, enabled=config.trainer.precision == "bf16")
    batches = iter(prepared.task.train_dataloader().since(errand.position))
    with seeded(config.seed, f"dropout/{errand.rank}"):
        while True:
            match link.order():
                case Order.STEP:
                    link.share_weights(module.model)
                    module.zero_grad()
                    with half:
                        loss = module.loss_of(_moved(next(batches), device))
                    if loss.requires_grad:  # it had rows
                        loss.backward()
                    link.add_gradients(module.model)
                case Order.GIVE_STATES:
                    collected(module.carried(), link)
                case Order.TAKE_STATES:
                    module.carry(handed_out(None, link))


def _moved(batch: Batch, device: torch.device) -> Batch:
    inputs, targets = batch.inputs.to(device), batch.targets.to(device)  # type: ignore[arg-type]
    return Batch(inputs, targets, batch.fresh)


if __name__ == "__main__":
    main()
