"""The part of a server that one of its workers is, where it has several."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

_BY_ID = re.compile(r"/api/(?:media|exports|uploads)/([^/]+)")


@dataclass(frozen=True, slots=True)
class Part:
    """Worker `number` of `count`. What has an id belongs to one of them, which all requests about it go to; what counts
    for all of them together is counted in the file `tally`."""

    number: int = 0
    count: int = 1
    tally: Path | None = None

    def new_id(self) -> str:
        """An id that cannot be guessed, of something that belongs to this worker."""
        while True:
            found = secrets.token_hex(12)
            if worker_of(found, self.count) == self.number:
                return found


def worker_of(identity: str, count: int) -> int:
    """The number of the worker to which something belongs."""
    digest = hashlib.sha256(identity.encode("utf-8", "surrogateescape")).digest()
    return int.from_bytes(digest[:8], "big") % count


def worker_for(target: str, count: int) -> int:
    """The number of the worker that answers a request: of what it is about, else 0.

    Parameters
    ----------
    target
        The request's path and query. `/metrics?worker=N` is about worker N.
    """
    raw, _, query = target.partition("?")
    path = unquote(raw)
    found = _BY_ID.match(path)
    if found is not None:
        return worker_of(found.group(1), count)
    chosen = re.fullmatch(r"worker=(\d{1,4})", query) if path == "/metrics" else None
    return min(int(chosen.group(1)), count - 1) if chosen is not None else 0
