"""Symbols and their ids, counted on the train split alone."""

from collections import Counter
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

UNKNOWN = "<unk>"
"""The symbol with id 0, which stands for all that is not in the vocabulary."""


class Vocabulary:
    """The symbols of a train split, the most frequent ones first, after `UNKNOWN`.

    Args:
        train: the symbols of the train split, each as often as it occurs, in any order.
        min_count: how often a symbol must occur to be in it.
        max_size: how many symbols it may have beside `UNKNOWN`; None takes all.
        special: symbols that have the ids from 1 on, whether they occur or not.
    """

    def __init__(
        self,
        train: Iterable[str],
        *,
        min_count: int = 1,
        max_size: int | None = None,
        special: Sequence[str] = (),
    ) -> None:
        reserved = [UNKNOWN, *special]
        # Ties are broken by the symbol, not by where it stands first.
        counts = sorted(Counter(train).items(), key=lambda pair: (-pair[1], pair[0]))
        known = [symbol for symbol, n in counts if n >= min_count and symbol not in reserved]
        self.symbols = [*reserved, *known[:max_size]]
        self._ids = {symbol: number for number, symbol in enumerate(self.symbols)}

    def __len__(self) -> int:
        """How many ids there are."""
        return len(self.symbols)

    def __contains__(self, symbol: str) -> bool:
        """Whether a symbol has an id of its own."""
        return symbol in self._ids

    def id_of(self, symbol: str) -> int:
        """The id of a symbol; 0 if it is not known."""
        return self._ids.get(symbol, 0)

    def ids_of(self, symbols: Iterable[str]) -> list[int]:
        """The id of each symbol; 0 for those that are not known."""
        find = self._ids.get
        return [find(symbol, 0) for symbol in symbols]

    def encode(self, symbols: Iterable[str]) -> Tensor:
        """The ids `(T,)` of symbols."""
        return torch.tensor(self.ids_of(symbols), dtype=torch.long)

    def decode(self, ids: Tensor) -> list[str]:
        """The symbols of ids `(T,)`."""
        return [self.symbols[number] for number in ids.tolist()]
