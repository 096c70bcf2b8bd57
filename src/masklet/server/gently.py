"""Work that nobody waits for before everything else."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")
_LEAST_URGENT = 19


def gently(work: Callable[[], T]) -> T:
    """The result of `work`, done in a thread to which the system gives the time that no other wants (on Linux)."""
    future: Future[T] = Future()

    def run() -> None:
        if sys.platform == "linux":  # where threads, and those that they start, have a priority of their own
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _LEAST_URGENT)
        try:
            future.set_result(work())
        except BaseException as error:  # it belongs to the caller
            future.set_exception(error)

    threading.Thread(target=run, name="masklet-gently", daemon=True).start()
    return future.result()
