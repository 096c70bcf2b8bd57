"""The description of the REST API from which the page's types are made: `python -m masklet.server.schema`.

It is what `/api/openapi.json` says of a server with logins, less what does not matter to types: words for people, and
FastAPI's own form of refusals (this server's is `{"error": "one line"}`).
"""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from masklet.server.app import create_app
from masklet.server.settings import Access, ModelInfo, Settings
from masklet.server.studio import MakeSession
from masklet.store import Store

_WORDS = {"title", "description", "summary", "operationId"}
_REFUSALS = {"HTTPValidationError", "ValidationError"}


def described() -> dict[str, Any]:
    """Paths and schemas of the API, sorted."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(
            data=Path(folder), origins=(), model=ModelInfo(name="none", image_size=1), access=Access(), roots={}
        )
        store = Store("sqlite://")
        whole = create_app(settings, store, _no_model).openapi()
        store.close()
    for path in whole["paths"].values():
        for operation in path.values():
            operation["responses"] = {
                status: answer for status, answer in operation["responses"].items() if status.startswith("2")
            }
    schemas = {name: value for name, value in whole["components"]["schemas"].items() if name not in _REFUSALS}
    return _sorted({"paths": whole["paths"], "schemas": schemas})


def as_text(description: dict[str, Any]) -> str:
    """One line of JSON."""
    return json.dumps(description, separators=(",", ":"), ensure_ascii=True)


def fingerprint(text: str) -> str:
    """What tells one description from another: 64 hexadecimal digits."""
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _no_model() -> MakeSession:
    raise ValueError("a description needs no model")


def _sorted(value: Any, *, names: bool = False) -> Any:
    """Without words; `names`: the keys are names of properties or schemas, and all stay."""
    if isinstance(value, list):
        return [_sorted(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: _sorted(item, names=key in {"properties", "schemas"} and not names)
        for key, item in sorted(value.items())
        if names or key not in _WORDS
    }


if __name__ == "__main__":
    sys.stdout.write(as_text(described()))
