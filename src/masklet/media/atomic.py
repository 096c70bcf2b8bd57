"""Files that appear whole or not at all: written beside their target under another name, then renamed over it."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from masklet.media.errors import MediaError

# Errors of the target rather than of whatever else the caller does inside the block.
_TARGET_ERRORS = {
    errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS, errno.EACCES, errno.EPERM,
    errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.EEXIST,
}  # fmt: skip


@contextmanager
def atomic_path(path: str | os.PathLike[str], *, sync: bool = False) -> Iterator[Path]:
    """A temporary path in the folder of `path`; it takes the place of `path` when the block ends without an error.

    The temporary file exists (empty) when the block starts, is hidden, and keeps the suffix of `path`, from which
    writers guess their format. On any error, Ctrl-C included, it is removed and an older `path` stays as it was.

    Parameters
    ----------
    path : the file to create or replace; its folder must exist.
    sync : also force the contents to the disk before the rename, so that they survive a power cut.

    Raises
    ------
    MediaError : the folder is missing or not writable, the disk is full, or the target cannot be replaced.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.stem[:100]}.{secrets.token_hex(4)}.tmp{path.suffix}")
    try:
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    except OSError as error:
        raise MediaError(f"cannot write {path}: {_reason(path, error)}") from error
    try:
        yield temporary
        if sync:
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        named = getattr(error, "filename", None)
        if error.errno in _TARGET_ERRORS and (named is None or os.fspath(named) in {str(temporary), ""}):
            raise MediaError(f"cannot write {path}: {_reason(path, error)}") from error
        raise
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_bytes(path: str | os.PathLike[str], data: bytes) -> None:
    """Write `data` as the whole of `path`, atomically. Raises MediaError as `atomic_path` does."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write `text` as UTF-8 as the whole of `path`, atomically. Raises MediaError as `atomic_path` does."""
    write_bytes(path, text.encode("utf-8"))


def _reason(path: Path, error: OSError) -> str:
    if error.errno == errno.ENOENT:
        return f"the folder {path.parent} does not exist"
    if error.errno == errno.ENOTDIR:
        return f"{path.parent} is not a folder"
    if error.errno == errno.EISDIR:
        return "there is a folder of that name"
    return (error.strerror or str(error)).lower()
