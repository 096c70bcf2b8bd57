"""What a frame reads of the past: memory maps and object pointers as one row of tokens.

Legend: O objects, R memory maps, N = h * w tokens of a map, M memory tokens, K memory channels.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, slots=True)
class MemoryTokens:
    """What O objects attend to: `values` and `positions`, both [O, M, K]; the last `pointers` tokens are pointers.

    The first M - pointers = R * N tokens are whole memory maps, each N tokens in row order; `times` [O, R] says which
    time code each map has (the last one: a conditioning frame; the others: so many frames and one ago). Each token is
    the mean of `pool` x `pool` cells: N = h * w / pool^2.
    """

    values: Tensor
    positions: Tensor
    times: Tensor
    pointers: int
    pool: int = 1

    def __getitem__(self, objects: slice) -> MemoryTokens:
        """What some of the objects attend to."""
        return MemoryTokens(
            self.values[objects], self.positions[objects], self.times[objects], self.pointers, self.pool
        )
