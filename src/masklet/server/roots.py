"""Folders whose files may be opened, and nothing outside of them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from masklet.media.folder import natural_key
from masklet.media.images import IMAGE_SUFFIXES

VIDEO_SUFFIXES = frozenset(
    {".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts", ".wmv", ".flv", ".ogv"}
    | {".3gp", ".mxf", ".gif"}
)
_MOST_ENTRIES = 10_000


class NotServed(ValueError):
    """A path that leads out of its root, or to nothing."""


class Roots:
    """Folders by name.

    Parameters
    ----------
    folders
        They are resolved once, now: a link that is a root itself is followed, one below it may not lead out.
    """

    def __init__(self, folders: Mapping[str, Path]) -> None:
        self._folders = {name: folder.resolve(strict=True) for name, folder in folders.items()}

    @property
    def names(self) -> list[str]:
        return list(self._folders)

    def resolve(self, root: str, path: str) -> Path:
        """The real path of something below a root.

        Parameters
        ----------
        path
            Relative, parts separated by "/"; "" is the root itself.

        Raises
        ------
        NotServed
            No such root, no such file, or it lies (links followed) outside of the root.
        """
        folder = self._folders.get(root)
        parts = path.split("/") if path else []
        bad = any(part in ("", ".", "..") or "\\" in part or ":" in part or not part.isprintable() for part in parts)
        if folder is None or bad:
            raise NotServed(f"there is no {path!r} in {root!r}")
        try:
            found = folder.joinpath(*parts).resolve(strict=True)
        except (OSError, ValueError, RuntimeError):
            raise NotServed(f"there is no {path!r} in {root!r}") from None
        if found != folder and folder not in found.parents:
            raise NotServed(f"there is no {path!r} in {root!r}")
        return found

    def entries(self, root: str, path: str) -> list[dict[str, Any]]:
        """What can be opened in a folder: folders first, then videos and pictures, hidden ones and dead ends left out.

        Raises NotServed as `resolve` does, also for what is no folder.
        """
        folder = self.resolve(root, path)
        if not folder.is_dir():
            raise NotServed(f"{path!r} in {root!r} is no folder")
        found: list[tuple[int, Path, dict[str, Any]]] = []
        with os.scandir(folder) as listing:
            for entry in listing:
                if entry.name.startswith(".") or len(found) >= _MOST_ENTRIES:
                    continue
                kind = self._kind(root, f"{path}/{entry.name}" if path else entry.name)
                if kind is not None:
                    size = 0 if kind == "folder" else entry.stat().st_size
                    order = 0 if kind == "folder" else 1
                    found.append((order, Path(entry.name), {"name": entry.name, "kind": kind, "size": size}))
        found.sort(key=lambda item: (item[0], natural_key(item[1])))
        return [fields for _, _, fields in found]

    def _kind(self, root: str, path: str) -> str | None:
        try:
            real = self.resolve(root, path)
        except NotServed:
            return None
        if real.is_dir():
            return "folder"
        suffix = real.suffix.lower()
        return "image" if suffix in IMAGE_SUFFIXES else "video" if suffix in VIDEO_SUFFIXES else None
