"""Which device a run trains on."""

import torch

from recurbench.harness.config.sections import TrainerConfig
from recurbench.harness.errors import UserError


def choose_device(trainer: TrainerConfig, rank: int = 0) -> torch.device:
    """The device that `trainer` names.

    Args:
        trainer: the section of the configuration.
        rank: of the process, if the run has several devices.

    Raises:
        UserError: GPUs were asked for that are not there.
    """
    present = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if trainer.accelerator == "gpu" and not present:
        raise UserError("trainer=gpu: no CUDA device is available; use trainer=cpu or trainer=auto")
    if trainer.accelerator == "cpu" or not present:
        return torch.device("cpu")
    if trainer.devices > present:
        raise UserError(f"trainer.devices={trainer.devices}: there are {present} CUDA devices")
    return torch.device("cuda", rank) if rank else torch.device("cuda")
