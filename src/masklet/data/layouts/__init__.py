"""Readers of data sets of annotated videos."""

from masklet.data.layouts.opening import LAYOUTS, open_videos

__all__ = ["LAYOUTS", "open_videos"]
