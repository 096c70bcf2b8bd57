"""Effects as they are said on a command line (`background=blur:radius=12`) and in a JSON file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from masklet.export import Effect, effects_from_json, parse_effect
from masklet.export.files import naming


def parse_effects(texts: Sequence[str]) -> tuple[Effect, ...]:
    """Read each `--effect`. Pictures are files. ValueError for what is no effect, OSError for an unreadable picture."""
    return tuple(parse_effect(text, lambda name: Path(name).read_bytes()) for text in texts)


def read_effects(path: Path) -> tuple[Effect, ...]:
    """Read a JSON file with a list of effects. Paths of pictures are relative to the file.

    Raises:
        ValueError: not such a file. OSError: it, or a picture, cannot be read.
    """
    try:
        records = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is no JSON file: {error}") from None
    with naming(path):
        return effects_from_json(records, lambda name: (path.parent / name).read_bytes())
