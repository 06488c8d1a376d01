"""Keeps the weights that were best on validation."""

from pathlib import Path
from typing import Any

import torch
from pytorch_lightning.callbacks import ModelCheckpoint

from recurbench.harness.results.folder import BEST


class BestWeights(ModelCheckpoint):
    """Keeps the weights of the best evaluation in a folder; its state can go on in any other.

    Args:
        folder: where the file is.
        monitor: the logged score that is compared.
        higher_is_better: of that score.
    """

    def __init__(self, folder: Path, monitor: str, higher_is_better: bool) -> None:
        mode = "max" if higher_is_better else "min"
        super().__init__(folder, Path(BEST).stem, monitor, mode=mode, save_weights_only=True)
        self.file = folder / BEST

    def state_dict(self) -> dict[str, Any]:
        """The best weights and their score; both None before the first evaluation."""
        path, score = self.best_model_path, self.best_model_score
        return {"weights": torch.load(path, weights_only=True) if path else None, "score": score}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Puts the weights that were saved into this folder."""
        if state_dict["weights"] is None:
            return
        torch.save(state_dict["weights"], self.file)
        self.best_model_path = self.kth_best_model_path = str(self.file)
        self.best_model_score = self.kth_value = state_dict["score"]
        self.best_k_models = {str(self.file): state_dict["score"]}
