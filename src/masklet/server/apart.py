"""Work on a file that may be anything, in a process of its own with limits on time and memory.

A job is a module that calls `answer` with a function. The request goes to its standard input and the answer comes from
its standard output, one JSON object each.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from masklet.server.settings import Limits


class Unfit(ValueError):
    """A file that is not what it has to be, or more than the limits allow."""


def ask_apart(job: str, request: Mapping[str, Any], folders: Sequence[Path], limits: Limits) -> dict[str, Any]:
    """Has a job done in a child process.

    Parameters
    ----------
    job
        The module, such as `masklet.server.probe_child`.
    request
        Arguments of its function.
    folders
        Where the file lies, and others that no error is to tell of.

    Raises
    ------
    Unfit
        The job refuses the file, takes more than the limits allow, or the file takes the child process down with it.
    """
    hidden = [str(folder) + os.sep for folder in folders]
    text = json.dumps(
        {"request": request, "hidden": hidden, "seconds": limits.probe_seconds, "bytes": limits.probe_bytes}
    )
    try:
        done = subprocess.run(
            [sys.executable, "-m", job],
            input=text,
            capture_output=True,
            text=True,
            timeout=limits.probe_seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Unfit(f"it takes more than {limits.probe_seconds:g} s to find out what the file is") from None
    try:
        found = json.loads(done.stdout)
    except json.JSONDecodeError:
        raise Unfit("the file cannot be opened: its decoder failed or ran out of memory") from None
    if "error" in found:
        raise Unfit(found["error"])
    return found["answer"]


def answer(work: Callable[..., dict[str, Any]]) -> None:
    """The child's side: reads a request, does the work within its limits, writes what it returns. A ValueError is the
    reason for which a file is refused."""
    asked = json.loads(sys.stdin.read())
    _limit(asked["seconds"], asked["bytes"])
    warnings.simplefilter("ignore")  # of damaged files, which are let in as far as they go
    try:
        found = {"answer": work(**asked["request"])}
    except ValueError as error:
        reason = " ".join(str(error).split())
        for folder in asked["hidden"]:  # where files lie is nobody's business but the server's
            reason = reason.replace(folder, "")
        found = {"error": reason}
    print(json.dumps(found))


def _limit(seconds: float, memory: int) -> None:
    try:
        import resource
    except ImportError:  # Windows: the parent's timeout is all there is
        return
    for what, value in ((resource.RLIMIT_CPU, int(seconds) + 1), (resource.RLIMIT_AS, memory)):
        with contextlib.suppress(ValueError, OSError):  # macOS does not limit address space
            resource.setrlimit(what, (value, value))
