"""Which frames to visit, and in which direction, so that every object is followed from its own first prompt."""

from __future__ import annotations

from collections.abc import Collection


def both_ways(begins: Collection[int], low: int, high: int) -> tuple[range, range]:
    """Two passes that cover frames `low` .. `high` - 1 for objects whose first prompts are on the frames `begins`.

    Forward from the first of them; then backward from the last of them, where only those objects move that the way
    forward met too late. Prompts outside of the range count as on its edge.

    >>> both_ways([3, 10], 0, 20)
    (range(3, 20), range(9, -1, -1))
    """
    ahead, back = (min(max(frame, low), high - 1) for frame in (min(begins), max(begins)))
    return range(ahead, high), range(back - 1, low - 1, -1)
