"""ZIP archives that may be anything: what is in them, in order and within bounds.

Names in an archive are never used as paths.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from masklet.media.folder import natural_key
from masklet.server.apart import Unfit

_CHUNK = 2**18
_ENCRYPTED = 1


@dataclass(slots=True)
class Archive:
    """An open archive, which gives out at most so many bytes in all."""

    _zip: zipfile.ZipFile
    _entries: dict[PurePosixPath, zipfile.ZipInfo]
    _bytes_left: int

    @property
    def names(self) -> list[PurePosixPath]:
        """The files by the names that they have in the archive, in natural order; hidden ones and folders left out."""
        return list(self._entries)

    def extract(self, name: PurePosixPath, target: Path) -> None:
        """Writes the file of a name to `target`. Raises Unfit where it is damaged, or too much."""
        try:
            with self._zip.open(self._entries[name]) as packed, target.open("xb") as file:
                while chunk := packed.read(_CHUNK):
                    self._bytes_left -= len(chunk)
                    if self._bytes_left < 0:
                        raise Unfit("the archive holds too much: unpacked it is larger than it may be")
                    file.write(chunk)
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
            raise Unfit(f"{_shown(name)} in the archive cannot be unpacked: {error}") from None
        except FileExistsError:
            raise Unfit(f"{_shown(name)} occurs twice in the archive") from None


@contextmanager
def opened(path: Path, *, most_files: int, most_bytes: int) -> Iterator[Archive]:
    """Opens an archive.

    Parameters
    ----------
    most_files, most_bytes
        How many files may be in it, and how many bytes may come out of it, whatever it says of itself.

    Raises
    ------
    Unfit
        No archive, a damaged or encrypted one, too many files, or none.
    """
    try:
        packed = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise Unfit(f"{path.name} is no archive that can be read: {error}") from None
    with packed:
        entries = [entry for entry in packed.infolist() if not entry.is_dir() and not _hidden(entry.filename)]
        if not entries:
            raise Unfit(f"{path.name} holds no files")
        if len(entries) > most_files:
            raise Unfit(f"{path.name} holds {len(entries)} files, it may hold {most_files}")
        if any(entry.flag_bits & _ENCRYPTED for entry in entries):
            raise Unfit(f"{path.name} is encrypted")
        named = {PurePosixPath(entry.filename): entry for entry in entries}
        if len(named) < len(entries):
            raise Unfit(f"{path.name} has two files of one name")
        ordered = sorted(named, key=lambda name: [natural_key(part) for part in name.parts])
        yield Archive(packed, {name: named[name] for name in ordered}, most_bytes)


def _hidden(name: str) -> bool:
    """Whether a file is one that systems leave in archives and folders."""
    parts = PurePosixPath(name).parts
    return any((part.startswith(".") and part not in (".", "..")) or part == "__MACOSX" for part in parts)


def _shown(name: PurePosixPath) -> str:
    return repr(str(name))[:120]
