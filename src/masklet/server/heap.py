"""Memory that Python has freed, given back to the system."""

from __future__ import annotations

import ctypes
import gc
import sys


def give_back() -> None:
    """Returns what is free in the C library's heap: glibc keeps it, often for good, where many threads have worked.
    Does nothing where there is no glibc."""
    gc.collect()  # sessions and their decoders refer to each other
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
