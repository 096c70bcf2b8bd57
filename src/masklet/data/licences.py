"""What a folder of data says about its licence."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from masklet.data.layouts.coco import find_json

NAMES = ("LICENSE*", "LICENCE*", "COPYING*", "license*", "licence*")
_LARGEST_JSON = 50_000_000
_LONGEST = 100


def stated_licence(folder: Path) -> str | None:
    """The licence that a folder (or a COCO JSON) states, in one line; None where it states none.

    The first line of a licence file; of a COCO JSON (up to 50 MB) the licences of its pictures, with their counts; the
    name of a README that speaks of licences.
    """
    if folder.is_dir():
        for path in sorted({path for name in NAMES for path in folder.glob(name) if path.is_file()}):
            line = next((line.strip() for line in _text(path).splitlines() if line.strip()), "")
            if line:
                return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"
    listing = folder if folder.suffix == ".json" else find_json(folder) if folder.is_dir() else None
    if listing is not None and (found := _of_coco(listing)):
        return found
    readme = next(iter(sorted(folder.glob("README*"))), None) if folder.is_dir() else None
    if readme is not None and any(word in _text(readme).lower() for word in ("license", "licence")):
        return f"see {readme.name} of the data"
    return None


def _of_coco(listing: Path) -> str | None:
    if listing.stat().st_size > _LARGEST_JSON:
        return None
    content = json.loads(_text(listing))
    names = {entry.get("id"): str(entry.get("name") or entry.get("url")) for entry in content.get("licenses") or ()}
    used = Counter(names[i.get("license")] for i in content.get("images") or () if i.get("license") in names)
    return ", ".join(f"{name} ({count})" for name, count in used.most_common()) or None


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")
