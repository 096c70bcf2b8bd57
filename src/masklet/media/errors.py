"""The one error of this room."""

from __future__ import annotations


class MediaError(ValueError):
    """Pictures or video that cannot be read or written. The message is one line that names the file and what came."""
