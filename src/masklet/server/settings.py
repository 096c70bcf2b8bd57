"""How a server is set up."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a media may be at most, and what a server holds at most.

    `upload_bytes` of an uploaded file; `frames` of a video or folder; `pixels` of a frame; `probe_seconds` and
    `probe_bytes` of time and memory for finding out what a file is; `feature_bytes` of image features kept for frames
    that may be looked at again; `idle_seconds` after which a session that nobody has open is closed.
    """

    upload_bytes: int = 4 * 2**30
    frames: int = 50_000
    pixels: int = 8192 * 4320
    probe_seconds: float = 60.0
    probe_bytes: int = 8 * 2**30
    feature_bytes: int = 512 * 2**20
    idle_seconds: float = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInfo:
    """What the page is told of the model: its name and the side of its image in pixels."""

    name: str
    image_size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """A server's place in the world.

    `data`: the folder for uploads, exports and caches. `origins`: the addresses (`http://127.0.0.1:8080`) under which
    browsers may reach it. `roots`: folders whose files may be opened, by name. `author`: who makes the edits.
    """

    data: Path
    origins: tuple[str, ...]
    model: ModelInfo
    roots: dict[str, Path] = field(default_factory=dict)
    author: str = "local"
    limits: Limits = field(default_factory=Limits)
