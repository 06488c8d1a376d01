"""How a text is cut into characters or words, put together again, and made ids."""

import re
import sys
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple, cast

import regex
import torch
from torch import Tensor

from recurbench.tasks.common.vocabulary import Vocabulary

Level = Literal["character", "word"]
Words = Literal["punctuation", "whitespace"]

LINE_END = "<eos>"
"""The word that ends a line with `words=whitespace`."""


SPACE = r"\s\x1c-\x1f\u200b"
"""What stands between words, for a class of `regex`; the zero-width space is there for Thai."""

LETTER = r"\p{L}\p{N}_"
"""What words are made of and begin with, for a class of `regex`: letters and digits."""

_MARK = r"\p{M}\u00ad\u200c\u200d"
"""What belongs to the letter before it: vowel signs, points and accents, soft hyphen, joiners."""

_MARKED = rf"(?:[{_MARK}\p{{EMod}}]|(?<=\u200d)\p{{ExtPict}})*"
"""What belongs to a sign before it: marks, an emoji's skin, the emoji that it is joined to."""


def words_and_signs(letters: str, signs: str) -> Callable[[str], list[str]]:
    """Cuts a text into words of letters and into single signs, each with the marks that it bears.

    In scripts without spaces between words, such as Thai and Chinese, all that stands between two
    signs or spaces is one word.

    Args:
        letters: a class of `regex` without its brackets.
        signs: a pattern of `regex` that takes one character.
    """
    pattern = regex.compile(rf"[{letters}][{letters}{_MARK}]*|{signs}{_MARKED}")
    return cast(Callable[[str], list[str]], pattern.findall)


_CUT = words_and_signs(LETTER, rf"[^{LETTER}{SPACE}]")


class Symbols(NamedTuple):
    """What the symbols of a text are.

    Attributes:
        level: characters or words.
        words: at word level, what a word is: a run of letters and digits in any script, with their
            accents, points and vowel signs, or a single sign; or whatever stands between spaces.
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
        return _CUT(text)

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
