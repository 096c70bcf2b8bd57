"""What a server is put together from on the command line: its model and its store."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from masklet.cli.options import Dtype, load, usable_device
from masklet.media import Clip
from masklet.model.configs import CONFIGS
from masklet.model.registry import canonical
from masklet.model.sam2 import Sam2
from masklet.server.heap import settle
from masklet.server.settings import ModelInfo
from masklet.server.studio import MakeSession
from masklet.session import VideoSession
from masklet.session.features import FeatureStore
from masklet.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelChoice:
    """The model that a server works with."""

    name: str
    device: str | None
    dtype: Dtype | None


def open_store(folder: Path, database: str | None) -> Store:
    """The store of a data folder, in another database if one is named."""
    return Store(database or f"sqlite:///{folder / 'masklet.db'}")


def sessions_of(choice: ModelChoice) -> tuple[ModelInfo, Callable[[], MakeSession]]:
    """What the page is told of the model, and how to load it. A file is loaded now, to see what it is."""
    if choice.device is not None:
        usable_device(choice.device)
    known = canonical(choice.name)
    if known is None or Path(choice.name).is_file():
        loaded = load(choice.name, choice.device, choice.dtype)
        config = loaded.config
        return ModelInfo(name=config.name, image_size=config.image_size), lambda: _made_with(loaded)
    config = CONFIGS[known]
    info = ModelInfo(name=known, image_size=config.image_size)
    return info, lambda: _made_with(load(choice.name, choice.device, choice.dtype))


def _made_with(model: Sam2) -> MakeSession:
    """How sessions of a model are made. It is there as long as the process, and so is all that came before it."""
    settle()

    def make(clip: Clip | None, features: FeatureStore) -> VideoSession:
        return VideoSession(model, clip, features=features)

    return make
