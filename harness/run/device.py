"""Which device a run trains on."""

import torch

from recurbench.harness.errors import UserError


def choose_device(accelerator: str) -> torch.device:
    """The device that `trainer` names.

    Raises:
        UserError: a GPU was asked for and there is none.
    """
    available = torch.cuda.is_available()
    if accelerator == "gpu" and not available:
        raise UserError("trainer=gpu: no CUDA device is available; use trainer=cpu or trainer=auto")
    return torch.device("cuda" if available and accelerator != "cpu" else "cpu")
