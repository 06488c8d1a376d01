"""What a task defines so that `recurbench generate` can sample from a model trained on it."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor

from recurbench.tasks.base import TaskError


class Generative(ABC):
    """Mixed into a task with a prediction per step whose outputs can be the next inputs."""

    stop: int | None = None
    """The token that ends what is generated; None goes on to the length asked for."""

    endings: ClassVar[tuple[str, ...]] = (".txt",)
    """The endings of files that `write` can make."""

    @abstractmethod
    def encode_prompt(self, prompt: str) -> Tensor:
        """What a model is to read first: ids `(T,)` or features `(T, F)`, at least one step.

        Raises:
            TaskError: the prompt cannot be read.
        """

    def choose(
        self, outputs: Tensor, temperature: float, top_k: int | None, source: torch.Generator
    ) -> Tensor:
        """Draws the next inputs `(B,)` from logits `(B, output_size)`.

        Args:
            outputs: of one step.
            temperature: what logits are divided by; 0 takes the likeliest.
            top_k: how many of the likeliest are drawn from; None draws from all.
            source: the random generator, on the CPU.
        """
        logits = outputs.float().cpu()
        if temperature == 0:
            return logits.argmax(-1).to(outputs.device)
        if top_k is not None:
            least = logits.topk(min(top_k, logits.shape[-1])).values[:, -1:]
            logits = logits.masked_fill(logits < least, -torch.inf)
        chances = torch.softmax(logits / temperature, -1)
        return torch.multinomial(chances, 1, generator=source)[:, 0].to(outputs.device)

    @abstractmethod
    def to_text(self, sequence: Tensor) -> str:
        """Inputs `(T,)` or `(T, F)` as text for a terminal."""

    def write(self, sequence: Tensor, path: Path) -> None:
        """Writes inputs `(T,)` or `(T, F)` to a file, in the format that its ending says.

        Raises:
            TaskError: there is no such format.
            OSError: the file cannot be written.
        """
        if path.suffix not in self.endings:
            raise TaskError(f"{path}: write to a file that ends with {' or '.join(self.endings)}")
        path.write_text(self.to_text(sequence), encoding="utf-8")
