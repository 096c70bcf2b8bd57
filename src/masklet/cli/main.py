"""The `masklet` command: its commands, and how errors end it.

Exit codes: 0 done, 2 the user's input was wrong (one line on stderr says how), 130 stopped by Ctrl-C.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from cyclopts import App, CycloptsError
from rich.console import Console

from masklet import __version__
from masklet.cli.app import app_command
from masklet.cli.compare import compare
from masklet.cli.data import data_app
from masklet.cli.evaluate_more import evaluate_app
from masklet.cli.everything import everything
from masklet.cli.info import info
from masklet.cli.models import models
from masklet.cli.report import report
from masklet.cli.segment import segment
from masklet.cli.serve import serve_app
from masklet.cli.slicing import slices
from masklet.cli.track import track
from masklet.cli.train import train

HELP = """Point at a thing once and get its mask: in a picture, or in every frame of a video.

```
masklet segment photo.jpg --point 420,240
masklet track clip.mp4 --prompt "1@0:point=420,240"
```

`masklet COMMAND --help` explains a command and gives examples.
"""

app = App(
    name="masklet",
    help=HELP,
    help_format="markdown",
    version=__version__,
    suppress_keyboard_interrupt=False,
)
evaluate_app.command(slices)
app.command(app_command, name="app")
for command in (segment, everything, track, serve_app, evaluate_app, compare, report, train, data_app, info, models):
    app.command(command)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code.

    Args:
        argv: the words behind `masklet`; by default those this process was started with.
    """
    try:
        code = app(
            sys.argv[1:] if argv is None else list(argv),
            exit_on_error=False,
            print_error=False,
            result_action="return_value",
        )
    except CycloptsError as error:
        return _refuse(f"{error} See masklet --help.")
    except OSError as error:
        named = error.strerror is not None and error.filename is not None
        return _refuse(f"{error.filename}: {str(error.strerror).lower()}" if named else str(error))
    except ValueError as error:
        return _refuse(str(error))
    except KeyboardInterrupt:
        Console(stderr=True).print("stopped")
        return 130
    return code if isinstance(code, int) else 0


def _refuse(message: str) -> int:
    line = " ".join(message.split())
    Console(stderr=True, soft_wrap=True).print(f"masklet: {line}", markup=False, highlight=False, style="red")
    return 2
