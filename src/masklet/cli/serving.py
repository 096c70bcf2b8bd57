"""What `masklet app` does: set a server up, say where it is, run it."""

from __future__ import annotations

import getpass
import webbrowser
from collections.abc import Callable, Sequence
from pathlib import Path

import platformdirs
from rich.console import Console

from masklet.cli.options import Dtype, load, make_folder, usable_device
from masklet.media import Clip
from masklet.model.configs import CONFIGS
from masklet.model.registry import canonical
from masklet.model.sam2 import Sam2
from masklet.server.app import create_app
from masklet.server.library import Library
from masklet.server.logs import logging_to_stderr
from masklet.server.running import bind, make_server, origins_of
from masklet.server.settings import Limits, ModelInfo, Settings
from masklet.server.studio import MakeSession
from masklet.session import VideoSession
from masklet.session.features import FeatureStore
from masklet.store import Store


def serve(
    media: Sequence[Path],
    *,
    port: int,
    open_browser: bool,
    data: Path | None,
    database: str | None,
    model: str,
    device: str | None,
    dtype: Dtype | None,
) -> int:
    """Serve until Ctrl-C. Returns the exit code.

    Raises:
        ValueError: anything wrong with the arguments. OSError: the data folder cannot be written.
    """
    missing = [path for path in media if not path.exists()]
    if missing:
        raise FileNotFoundError(f"no file or folder at {missing[0]}")
    if device is not None:
        usable_device(device)
    folder = make_folder(data or Path(platformdirs.user_data_path("masklet", appauthor=False))).resolve()
    info, load_sessions = _model(model, device, dtype)
    with logging_to_stderr(), bind(port) as bound:
        settings = Settings(
            data=folder,
            origins=origins_of(bound),
            model=info,
            roots=name_roots([path for path in media if path.is_dir()]),
            author=_author(),
            limits=Limits(),
        )
        store = Store(database or f"sqlite:///{folder / 'masklet.db'}")
        library = Library(store, folder / "uploads", settings.limits)
        for path in media:
            if not path.is_dir():
                library.open(path.resolve())
        server = make_server(create_app(settings, store, load_sessions))
        Console(soft_wrap=True, highlight=False).print(f"{settings.origins[0]}/  (Ctrl-C ends)", markup=False)
        if open_browser:
            webbrowser.open(settings.origins[0])
        server.run(sockets=[bound])
    return 0


def name_roots(folders: Sequence[Path]) -> dict[str, Path]:
    """The folders by their names; a number tells those of one name apart."""
    named: dict[str, Path] = {}
    for folder in dict.fromkeys(folder.resolve() for folder in folders):
        base = folder.name or "files"
        name, number = base, 2
        while name in named:
            name, number = f"{base} {number}", number + 1
        named[name] = folder
    return named


def _model(name: str, device: str | None, dtype: Dtype | None) -> tuple[ModelInfo, Callable[[], MakeSession]]:
    """What the page is told of the model, and how to load it. A file is loaded now, to see what it is."""
    known = canonical(name)
    if known is None or Path(name).is_file():
        loaded = load(name, device, dtype)
        config = loaded.config
        return ModelInfo(name=config.name, image_size=config.image_size), lambda: _sessions_of(loaded)
    config = CONFIGS[known]
    info = ModelInfo(name=known, image_size=config.image_size)
    return info, lambda: _sessions_of(load(name, device, dtype))


def _sessions_of(model: Sam2) -> MakeSession:
    def make(clip: Clip, features: FeatureStore) -> VideoSession:
        return VideoSession(model, clip, features=features)

    return make


def _author() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # no such user in this container
        return "local"
