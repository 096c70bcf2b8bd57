"""How a server is set up."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from pathlib import Path

from masklet.server.part import Part

MOST_PIECE = 8 * 2**20
"""Bytes of an upload that come in one request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a media may be at most, and what a server holds at most.

    `upload_bytes` of an uploaded file; `frames` of a video or folder; `pixels` of a frame; `probe_seconds` and
    `probe_bytes` of time and memory for finding out what a file is; `feature_bytes` of image features kept for frames
    that may be looked at again; `idle_seconds` after which a session that nobody has open is closed; `rest_seconds`
    after which one that somebody has open, but asks nothing of, is put aside until they do; `live_media` that are open
    at once. Of each user, where people log in: `user_media` and `user_pages` open at once, `user_uploads` kept, of
    `user_bytes` together with the pictures among effects. Of cameras and screens, `sources` at once, with frames of
    `source_pixels`, recorded for `source_seconds` or `source_bytes`. `body_bytes` of a request, `message_bytes` of a
    message on a WebSocket.
    """

    upload_bytes: int = 4 * 2**30
    frames: int = 50_000
    pixels: int = 8192 * 4320
    probe_seconds: float = 60.0
    probe_bytes: int = 8 * 2**30
    feature_bytes: int = 512 * 2**20
    idle_seconds: float = 300.0
    rest_seconds: float = 1800.0
    live_media: int = 64
    user_media: int = 8
    user_pages: int = 32
    user_uploads: int = 1000
    user_bytes: int = 100 * 2**30
    sources: int = 4
    source_pixels: int = 1920 * 1080
    source_seconds: float = 600.0
    source_bytes: int = 2**30
    body_bytes: int = MOST_PIECE + 2**16
    message_bytes: int = 16 * 2**20

    def shared_out(self, workers: int) -> Limits:
        """What each of several workers may hold, so that they hold no more together; what they count together stays."""
        return replace(
            self, feature_bytes=self.feature_bytes // workers, live_media=math.ceil(self.live_media / workers)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInfo:
    """What the page is told of the model: its name and the side of its image in pixels."""

    name: str
    image_size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How people come in where they have to log in.

    `secure`: browsers reach the server by https only. `login_seconds` after which a login ends, `recheck_seconds` after
    which an open page is asked again whether its login holds. Wrong tokens of one address: `attempts_at_once`, then
    `attempts_per_minute`. Requests of one user, or of one address that is nobody: `requests_at_once`, then
    `requests_per_second`.
    """

    secure: bool = False
    login_seconds: float = 14 * 24 * 3600.0
    recheck_seconds: float = 30.0
    attempts_at_once: int = 5
    attempts_per_minute: float = 6.0
    requests_at_once: int = 600
    requests_per_second: float = 100.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """A server's place in the world.

    `data`: the folder for uploads, exports and caches. `origins`: the addresses (`http://127.0.0.1:8080`) under which
    browsers may reach it. `roots`: folders whose files may be opened, by name. `author`: who makes the edits where
    nobody logs in. `access`: how people log in; None where whoever reaches the server may do everything. `part`: which
    of several workers this is.
    """

    data: Path
    origins: tuple[str, ...]
    model: ModelInfo
    roots: dict[str, Path] = field(default_factory=dict)
    author: str = "local"
    access: Access | None = None
    part: Part = field(default_factory=Part)
    limits: Limits = field(default_factory=Limits)
