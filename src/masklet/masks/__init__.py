"""Value types and pure functions on masks: run lengths, boxes, components, masklets. NumPy only, no torch."""

from masklet.masks.masklet import FrameMask, Masklet
from masklet.masks.rle import Rle

__all__ = ["FrameMask", "Masklet", "Rle"]
