"""`masklet app`: the page in the browser."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Group, Parameter

from masklet.cli.options import MODEL_GROUP, DeviceOption, DtypeOption
from masklet.cli.threads import share_cores

SERVER_GROUP = Group("Server", sort_key=1)


def app_command(
    *media: Annotated[Path, Parameter(help="Videos and pictures to open, and folders whose files may be opened.")],
    port: Annotated[int, Parameter(group=SERVER_GROUP, help="Port to listen on; 0 for any free one.")] = 8800,
    open_browser: Annotated[
        bool, Parameter(name="--open", group=SERVER_GROUP, help="Open the page in the browser.", negative="--no-open")
    ] = True,
    data: Annotated[
        Path | None,
        Parameter(
            group=SERVER_GROUP,
            help="Folder for the work: database, uploads. By default the user's data folder.",
            show_default=False,
        ),
    ] = None,
    database: Annotated[
        str | None,
        Parameter(
            group=SERVER_GROUP, help="URL of a database; by default SQLite in the data folder.", show_default=False
        ),
    ] = None,
    model: Annotated[
        str,
        Parameter(
            name=["--model", "-m"],
            group=MODEL_GROUP,
            help="A name from `masklet models`, or the path of a checkpoint.",
        ),
    ] = "nano",
    device: DeviceOption = None,
    dtype: DtypeOption = None,
) -> int:
    """Open a page in the browser in which to click on objects and watch their masks grow.

    Everything is kept as it happens, in the data folder: the page, the browser and this command may be closed at any
    time. Only this machine can reach the page. Needs the extra `app`: pip install 'masklet[app]'.

    Examples of use:

        masklet app
        masklet app clip.mp4
        masklet app ~/Videos --model sam2.1-hiera-tiny --device cuda
    """
    share_cores()
    try:
        from masklet.cli.server_parts import ModelChoice
        from masklet.cli.serving import serve
    except ImportError as error:
        raise ValueError(f"this command needs {error.name}: pip install 'masklet[app]'") from None
    return serve(
        media,
        port=port,
        open_browser=open_browser,
        data=data,
        database=database,
        model=ModelChoice(name=model, device=device, dtype=dtype),
    )
