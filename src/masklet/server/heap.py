"""Memory that stays, and memory that Python has freed and the system gets back."""

from __future__ import annotations

import ctypes
import gc
import sys


def settle() -> None:
    """All that is there now stays for good: the collector of reference cycles no longer looks at it. With PyTorch
    loaded it looks at half a million objects, every now and then, and for 0.15 s nothing else happens."""
    gc.collect()
    gc.freeze()


def give_back() -> None:
    """Returns what is free in the C library's heap: glibc keeps it, often for good, where many threads have worked.
    Does nothing where there is no glibc."""
    gc.collect()  # sessions and their decoders refer to each other
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
