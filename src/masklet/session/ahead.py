"""Frames made ready for the model in a background thread while the one before is tracked.

Decoding, resizing and normalising need one core and no knowledge of the objects, so that they cost a session nothing
but memory: at most two frames of the model's size, one ready and one in the making. Prompts that come in between
change nothing of them. Features are not made ahead: encoder and tracker both use all cores (see docs/speed.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from torch import Tensor

from masklet.media.lookahead import Lookahead
from masklet.session.source import ClipSource, Picture

Ready = tuple[int, Tensor]
"""Index and image [1, 3, S, S] of a frame."""


def ready_ahead(
    source: ClipSource, start: int, stop: int | None, *, reverse: bool, prepare: Callable[[Picture], Tensor]
) -> Lookahead[Ready]:
    """The frames of `source.walk`, each through `prepare`, one frame ahead of the consumer.

    An error of decoding or of `prepare` is raised where the frame would have come. To be closed, or used in a `with`.
    """

    def produce() -> Iterator[Ready]:
        for frame, picture in source.walk(start, stop, reverse=reverse):
            yield frame, prepare(picture)

    return Lookahead(produce, depth=1)
