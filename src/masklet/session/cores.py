"""How many cores a short piece of work takes."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import torch


@contextmanager
def on_one_core() -> Generator[None]:
    """On a machine of two cores PyTorch works on one of them, for as long as this lasts.

    The second core makes a prompt's mask a quarter faster where nothing else runs, and several times slower where a
    browser does: at the end of each of hundreds of steps both cores have to be there. For a program whose model works
    in one thread only, since the number of threads that another one begins with would change too.
    """
    before = torch.get_num_threads()
    if before != 2:
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
