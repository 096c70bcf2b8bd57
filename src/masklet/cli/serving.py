"""What `masklet app` and `masklet serve` do: set a server up, say where it is, run it."""

from __future__ import annotations

import getpass
import webbrowser
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import platformdirs
from rich.console import Console

from masklet.cli.options import make_folder
from masklet.cli.server_parts import ModelChoice, open_store, sessions_of
from masklet.cli.workers import WorkerOrder, run_workers
from masklet.server.app import create_app
from masklet.server.front import Proxies
from masklet.server.library import Library
from masklet.server.lock import sole_server
from masklet.server.logs import logging_to_stderr
from masklet.server.running import bind, checked_origin, is_everywhere, is_private, make_server, origins_of
from masklet.server.settings import Access, Limits, Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Team:
    """How a server for a team is set up: where its data are and where it listens, under which addresses browsers reach
    it (`origins`, as far as they differ from that), which proxies are believed where a request comes from, and how many
    workers there are."""

    data: Path
    database: str | None
    host: str
    port: int
    origins: tuple[str, ...]
    proxies: tuple[str, ...]
    workers: int
    limits: Limits
    access: Access


def serve(
    media: Sequence[Path],
    *,
    port: int,
    open_browser: bool,
    data: Path | None,
    database: str | None,
    model: ModelChoice,
) -> int:
    """Serve whoever sits at this machine, until Ctrl-C. Returns the exit code.

    Raises:
        ValueError: anything wrong with the arguments. OSError: the data folder cannot be written.
    """
    missing = [path for path in media if not path.exists()]
    if missing:
        raise FileNotFoundError(f"no file or folder at {missing[0]}")
    folder = make_folder(data or Path(platformdirs.user_data_path("masklet", appauthor=False))).resolve()
    info, load_sessions = sessions_of(model)
    with logging_to_stderr(), bind(port) as bound, sole_server(folder, origins_of(bound)[0]):
        settings = Settings(
            data=folder,
            origins=origins_of(bound),
            model=info,
            roots=name_roots([path for path in media if path.is_dir()]),
            author=_author(),
        )
        store = open_store(folder, database)
        library = Library(store, folder / "uploads", settings.limits)
        for path in media:
            if not path.is_dir():
                library.open(path.resolve())
        server = make_server(create_app(settings, store, load_sessions), settings.limits)
        _say_where(settings.origins[0])
        if open_browser:
            webbrowser.open(settings.origins[0])
        server.run(sockets=[bound])
    return 0


def serve_team(team: Team, model: ModelChoice) -> int:
    """Serve people who log in, until Ctrl-C. Returns the exit code. Raises as `serve`."""
    named = tuple(checked_origin(origin) for origin in team.origins)
    proxies = Proxies(team.proxies)
    folder = make_folder(team.data).resolve()
    info, load_sessions = sessions_of(model)
    with logging_to_stderr(), bind(team.port, team.host) as bound:
        here = origins_of(bound)
        if is_everywhere(bound) and not named:
            raise ValueError(
                f"with --host {team.host} say under which address browsers reach the server: --origin https://..."
            )
        origins = tuple(dict.fromkeys((*named, *here)))
        with sole_server(folder, origins[0]):
            settings = Settings(
                data=folder,
                origins=origins,
                model=info,
                access=replace(team.access, secure=bool(named) and all(name.startswith("https:") for name in named)),
                limits=team.limits,
            )
            store = open_store(folder, team.database)
            if not store.accounts.users():
                _warn(f"nobody can log in yet: masklet serve user add NAME --data {team.data}")
            if not all(is_private(origin) for origin in named or here):
                _warn("tokens cross the network in the clear: put a proxy with https in front, and name it by --origin")
            if team.workers == 1:
                server = make_server(create_app(settings, store, load_sessions), team.limits, team.proxies)
                _say_where(origins[0])
                server.run(sockets=[bound])
            else:
                store.close()
                _say_where(origins[0])
                order = WorkerOrder(settings=settings, database=team.database, model=model, count=team.workers)
                run_workers(bound, order, proxies)
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


def _author() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # no such user in this container
        return "local"


def _say_where(address: str) -> None:
    Console(soft_wrap=True, highlight=False).print(f"{address}/  (Ctrl-C ends)", markup=False)


def _warn(message: str) -> None:
    Console(stderr=True, soft_wrap=True, highlight=False).print(f"masklet: {message}", markup=False, style="yellow")
