"""How a text is cut into characters or words, put together again, and made ids."""

import re
import sys
from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from recurbench.tasks.common.vocabulary import Vocabulary

Level = Literal["character", "word"]
Words = Literal["punctuation", "whitespace"]

LINE_END = "<eos>"
"""The word that ends a line with `words=whitespace`."""


class Symbols(NamedTuple):
    """What the symbols of a text are.

    Attributes:
        level: characters or words.
        words: at word level, what a word is: a run of letters and digits or a single mark, or
            whatever stands between spaces.
    """

    level: Level
    words: Words

    @property
    def line_end(self) -> str:
        """The symbol of a line's end; it need not be in a vocabulary."""
        return "\n" if self.level == "character" else LINE_END

    def cut(self, text: str) -> Sequence[str]:
        """The symbols of a text, a string if they are characters."""
        if self.level == "character":
            return text
        if self.words == "whitespace":
            return text.replace("\n", f" {LINE_END} ").split()
        return re.findall(r"\w+|[^\w\s]", text)

    def join(self, symbols: Sequence[str]) -> str:
        """Characters as they are, words with spaces between them and lines for `<eos>`."""
        if self.level == "character":
            return "".join(symbols)
        return re.sub(f" ?{LINE_END} ?", "\n", " ".join(symbols))

    def encode(self, symbols: Sequence[str], vocabulary: Vocabulary) -> Tensor:
        """The ids `(T,)` of one or more symbols as `cut` gives them."""
        if not isinstance(symbols, str):
            return vocabulary.encode(symbols)
        # A table of code points takes a hundred million characters in seconds.
        ids = torch.zeros(sys.maxunicode + 1, dtype=torch.long)
        for number, symbol in enumerate(vocabulary.symbols[1:], 1):
            ids[ord(symbol)] = number
        points = bytearray(symbols.encode("utf-32-le", "surrogatepass"))
        return ids[torch.frombuffer(points, dtype=torch.int32)]
