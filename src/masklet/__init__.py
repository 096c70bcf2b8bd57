"""Promptable segmentation for images and video: point at a thing once and get its mask in every frame.

The names below are loaded at first use, so that `import masklet` is quick and needs neither torch nor a video library:

>>> import masklet
>>> masklet.Rle.empty(4, 6).area
0
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from masklet.masks import Masklet, Rle
    from masklet.media import open_clip
    from masklet.model.registry import load_model
    from masklet.session import ImagePredictor, VideoSession

__version__ = "0.1.0"

__all__ = ["ImagePredictor", "Masklet", "Rle", "VideoSession", "__version__", "load_model", "open_clip"]

_ROOM_OF = {
    "ImagePredictor": "masklet.session",
    "Masklet": "masklet.masks",
    "Rle": "masklet.masks",
    "VideoSession": "masklet.session",
    "load_model": "masklet.model.registry",
    "open_clip": "masklet.media",
}


def __getattr__(name: str) -> object:
    if name not in _ROOM_OF:
        raise AttributeError(f"module 'masklet' has no attribute {name!r}")
    value: object = getattr(import_module(_ROOM_OF[name]), name)
    globals()[name] = value  # the next look-up doesn't come here
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
