"""Stored runs, opened by their folders."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from masklet.metrics.manifest import FILE as MANIFEST
from masklet.metrics.run import Results, read_results


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRun:
    """A finished run: what its folder is called, and its results."""

    name: str
    results: Results


def open_run(folder: Path) -> StoredRun:
    """The run in a folder.

    Raises
    ------
    FileNotFoundError: no such folder, or no finished run in it. ValueError: a damaged file.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such folder; expected the folder of a run of `masklet evaluate`")
    if not (folder / MANIFEST).is_file():
        raise FileNotFoundError(f"{folder}: no run of `masklet evaluate`: there is no {MANIFEST} in it")
    return StoredRun(name=folder.resolve().name, results=read_results(folder))
