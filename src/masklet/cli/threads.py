"""Threads that share a machine with a browser."""

from __future__ import annotations

import os

_TURNS = "100000"
"""A third of the default. With a page open that watches, tracking kept .86 to .89 of its speed, and .79 with 20,000;
clicks took the same time with both."""


def share_cores() -> None:
    """Lets PyTorch's threads wait for each other for a moment only before they sleep. Call before importing it.

    GNU OpenMP has them turn on the spot for milliseconds: on a machine whose other programs want the cores as well,
    each keeps from running what it is waiting for, hundreds of times a frame. What the environment says comes first.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", _TURNS)
