"""The effects that a media is worked on with, kept as one file a media in the server's data folder."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from masklet.media import write_text


def keep_effects(data: Path, media_id: str, effects: Sequence[Mapping[str, Any]]) -> None:
    """Keeps effects in their JSON form, in place of those before."""
    file = _file(data, media_id)
    file.parent.mkdir(exist_ok=True)
    write_text(file, json.dumps(list(effects)))


def kept_effects(data: Path, media_id: str) -> list[dict[str, Any]]:
    """What was kept last; nothing where nothing was."""
    file = _file(data, media_id)
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else []


def forget_effects(data: Path, media_id: str) -> None:
    """Removes what is kept of a media."""
    _file(data, media_id).unlink(missing_ok=True)


def _file(data: Path, media_id: str) -> Path:
    return data / "effects" / f"{media_id}.json"
