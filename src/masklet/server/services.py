"""The parts of a running server."""

from __future__ import annotations

from dataclasses import dataclass

from masklet.server.exports import Exports
from masklet.server.library import Library
from masklet.server.metrics import Metrics
from masklet.server.recordings import Recordings
from masklet.server.roots import Roots
from masklet.server.settings import Settings
from masklet.server.studio import Studio
from masklet.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What the routes work with."""

    settings: Settings
    store: Store
    roots: Roots
    library: Library
    studio: Studio
    exports: Exports
    recordings: Recordings
    metrics: Metrics
