"""Secrets that people carry, of which the store keeps a hash only.

A secret is `SELECTOR.VERIFIER`: the selector finds the row, the verifier (256 random bits) is compared by its hash, in
constant time. A fast hash is enough: nobody tries 2^256 words.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass

_FORM = re.compile(r"[0-9a-f]{16}\.[A-Za-z0-9_-]{43}")
_NOBODY = hashlib.sha256(b"nobody").hexdigest()


@dataclass(frozen=True, slots=True)
class Credential:
    """What the store keeps of a secret."""

    selector: str
    hash: str


def new_secret() -> tuple[str, Credential]:
    """A secret to be shown once, and what is kept of it."""
    text = f"{secrets.token_hex(8)}.{secrets.token_urlsafe(32)}"
    return text, credential_of(text)


def credential_of(text: str) -> Credential:
    """What is kept of a secret. Raises ValueError for what cannot be one."""
    if _FORM.fullmatch(text) is None:
        raise ValueError("not a token")  # without the text: messages are logged
    selector, _, verifier = text.partition(".")
    return Credential(selector, hashlib.sha256(verifier.encode("ascii")).hexdigest())


def matches(given: Credential, kept: str | None) -> bool:
    """Whether a secret is the one whose hash is kept; as slow where there is none of its selector."""
    same = hmac.compare_digest(given.hash, _NOBODY if kept is None else kept)
    return same and kept is not None
