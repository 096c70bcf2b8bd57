"""`masklet serve`: the app for a team, its users and projects."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Group, Parameter
from cyclopts.validators import Number

from masklet.cli.options import MODEL_GROUP, DeviceOption, DtypeOption
from masklet.cli.threads import share_cores

if TYPE_CHECKING:
    from rich.console import Console

    from masklet.server.settings import Access, Limits
    from masklet.store import Accounts

SERVER_GROUP = Group("Server", sort_key=1)
LIMITS_GROUP = Group("Limits", sort_key=2)
_GIB = 2**30
_MIB = 2**20

HELP = """Serve the page of `masklet app` to a team: people log in, each with their own media.

```
masklet serve user add ada --data /srv/masklet
masklet serve --data /srv/masklet --origin https://masks.example.org --proxy 127.0.0.1
```

`docs/serve.md` has the whole, with the settings of reverse proxies. Needs the extra `app`: pip install 'masklet[app]'.
"""

DataOption = Annotated[Path, Parameter(group=SERVER_GROUP, help="Folder for the work: database, uploads.")]
DatabaseOption = Annotated[
    str | None,
    Parameter(group=SERVER_GROUP, help="URL of a database; by default SQLite in the data folder.", show_default=False),
]

serve_app = App(name="serve", help=HELP, help_format="markdown")
user_app = App(name="user", help="Who may log in.")
project_app = App(name="project", help="Media that several users share.")
serve_app.command(user_app)
serve_app.command(project_app)


def _limit(help: str) -> Parameter:
    return Parameter(group=LIMITS_GROUP, help=help, validator=Number(gt=0))


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class LimitOptions:
    """What a server takes on, as it is said on the command line."""

    upload_gib: Annotated[float, _limit("GiB of one upload.")] = 4
    frames: Annotated[int, _limit("Frames of a video or a folder.")] = 50_000
    megapixels: Annotated[float, _limit("Million pixels of a frame.")] = 36
    user_gib: Annotated[float, _limit("GiB of all uploads of one user.")] = 100
    user_uploads: Annotated[int, _limit("Uploads that one user keeps.")] = 1000
    user_media: Annotated[int, _limit("Media that one user has open at once.")] = 8
    user_pages: Annotated[int, _limit("Pages that one user has open at once.")] = 32
    live_media: Annotated[int, _limit("Media that are open at once.")] = 64
    feature_mib: Annotated[float, _limit("MiB of image features kept for frames that were visited.")] = 512
    close_minutes: Annotated[float, _limit("Minutes after which media that nobody has open are closed.")] = 5
    rest_minutes: Annotated[
        float, _limit("Minutes after which media that are open but not worked on give their memory back.")
    ] = 30
    request_mib: Annotated[float, _limit("MiB of a request; pages send uploads in pieces of 2.")] = 8.0625
    message_mib: Annotated[float, _limit("MiB of a message on a WebSocket.")] = 16
    request_rate: Annotated[float, _limit("Requests a second of one user, in the long run.")] = 100
    request_burst: Annotated[int, _limit("Requests of one user at once.")] = 600
    login_rate: Annotated[float, _limit("Attempts a minute with wrong tokens from one address, in the long run.")] = 6
    login_burst: Annotated[int, _limit("Attempts with wrong tokens from one address at once.")] = 5
    login_days: Annotated[float, _limit("Days after which one has to log in again.")] = 14

    def limits(self) -> Limits:
        from masklet.server.settings import Limits

        return Limits(
            upload_bytes=int(self.upload_gib * _GIB),
            frames=self.frames,
            pixels=int(self.megapixels * 1e6),
            feature_bytes=int(self.feature_mib * _MIB),
            idle_seconds=self.close_minutes * 60,
            rest_seconds=self.rest_minutes * 60,
            live_media=self.live_media,
            user_media=self.user_media,
            user_pages=self.user_pages,
            user_uploads=self.user_uploads,
            user_bytes=int(self.user_gib * _GIB),
            body_bytes=int(self.request_mib * _MIB),
            message_bytes=int(self.message_mib * _MIB),
        )

    def access(self) -> Access:
        from masklet.server.settings import Access

        return Access(
            login_seconds=self.login_days * 24 * 3600,
            attempts_at_once=self.login_burst,
            attempts_per_minute=self.login_rate,
            requests_at_once=self.request_burst,
            requests_per_second=self.request_rate,
        )


@serve_app.default
def serve_command(
    *,
    data: DataOption,
    host: Annotated[
        str, Parameter(group=SERVER_GROUP, help="Address of this machine to listen on; 0.0.0.0 for all.")
    ] = "127.0.0.1",
    port: Annotated[int, Parameter(group=SERVER_GROUP, help="Port to listen on; 0 for any free one.")] = 8800,
    origin: Annotated[
        list[str] | None,
        Parameter(
            group=SERVER_GROUP,
            help="Address under which browsers reach the server, such as https://masks.example.org, where it differs"
            " from host and port; may be given several times.",
            negative="",
        ),
    ] = None,
    proxy: Annotated[
        list[str] | None,
        Parameter(
            group=SERVER_GROUP,
            help="Address or network of a reverse proxy, whose X-Forwarded-For is believed; may be given several"
            " times.",
            negative="",
        ),
    ] = None,
    workers: Annotated[
        int,
        Parameter(
            group=SERVER_GROUP,
            help="Processes that share the media among them, each with a model of its own.",
            validator=Number(gte=1, lte=256),
        ),
    ] = 1,
    database: DatabaseOption = None,
    model: Annotated[
        str,
        Parameter(
            name=["--model", "-m"], group=MODEL_GROUP, help="A name from `masklet models`, or the path of a checkpoint."
        ),
    ] = "nano",
    device: DeviceOption = None,
    dtype: DtypeOption = None,
    limits: LimitOptions | None = None,
) -> int:
    """Serve until Ctrl-C."""
    share_cores()
    try:
        from masklet.cli.server_parts import ModelChoice
        from masklet.cli.serving import Team, serve_team
    except ImportError as error:
        raise ValueError(f"this command needs {error.name}: pip install 'masklet[app]'") from None
    options = limits or LimitOptions()
    team = Team(
        data=data,
        database=database,
        host=host,
        port=port,
        origins=tuple(origin or ()),
        proxies=tuple(proxy or ()),
        workers=workers,
        limits=options.limits(),
        access=options.access(),
    )
    return serve_team(team, ModelChoice(name=model, device=device, dtype=dtype))


@user_app.command(name="add")
def add_user(name: str, /, *, data: DataOption, database: DatabaseOption = None) -> None:
    """Let somebody in. Their token is printed now, and can never be shown again.

    Args:
        name: letters, digits and . _ @ -
    """
    with _accounts(data, database) as accounts:
        _, token = accounts.add_user(name)
        _show_token(name, token)


@user_app.command(name="renew")
def renew_user(name: str, /, *, data: DataOption, database: DatabaseOption = None) -> None:
    """Print a new token in place of one that was lost or seen by others; all logins of the user end."""
    with _accounts(data, database) as accounts:
        _show_token(name, accounts.renew_token(name))


@user_app.command(name="list")
def list_users(*, data: DataOption, database: DatabaseOption = None) -> None:
    """Name everybody who may log in."""
    from rich.table import Table

    with _accounts(data, database) as accounts:
        table = Table("name", "since", box=None, pad_edge=False)
        for user in accounts.users():
            table.add_row(user.name, f"{user.created:%Y-%m-%d}")
        _console().print(table)


@user_app.command(name="remove")
def remove_user(name: str, /, *, data: DataOption, database: DatabaseOption = None) -> None:
    """Let somebody in no more; their media stay with the other members of their projects."""
    with _accounts(data, database) as accounts:
        accounts.remove_user(name)


@project_app.command(name="list")
def list_projects(*, data: DataOption, database: DatabaseOption = None) -> None:
    """Name all projects and their members. "local" has what `masklet app` made in this folder."""
    from rich.table import Table

    with _accounts(data, database) as accounts:
        table = Table("id", "name", "owner", "members", box=None, pad_edge=False)
        for project in accounts.projects():
            table.add_row(project.id, project.name, project.owner or "-", ", ".join(project.members) or "-")
        _console().print(table)


@project_app.command(name="share")
def share_project(project: str, name: str, /, *, data: DataOption, database: DatabaseOption = None) -> None:
    """Let a user see and edit a project.

    Args:
        project: the project's id.
        name: the user's name.
    """
    with _accounts(data, database) as accounts:
        accounts.add_member(project, name)


@project_app.command(name="unshare")
def unshare_project(project: str, name: str, /, *, data: DataOption, database: DatabaseOption = None) -> None:
    """Take a project away from a user who does not own it.

    Args:
        project: the project's id.
        name: the user's name.
    """
    with _accounts(data, database) as accounts:
        accounts.remove_member(project, name)


@contextmanager
def _accounts(data: Path, database: str | None) -> Iterator[Accounts]:
    from masklet.cli.options import make_folder

    try:
        from masklet.cli.server_parts import open_store
    except ImportError as error:
        raise ValueError(f"this command needs {error.name}: pip install 'masklet[app]'") from None
    store = open_store(make_folder(data).resolve(), database)
    try:
        yield store.accounts
    finally:
        store.close()


def _show_token(name: str, token: str) -> None:
    """Only the token on standard output, so that it can go straight where it belongs."""
    from rich.console import Console

    Console(stderr=True, highlight=False).print(f"the token of {name}; nobody can show it again:", markup=False)
    _console().print(token, markup=False)


def _console() -> Console:
    from rich.console import Console

    return Console(soft_wrap=True, highlight=False)
