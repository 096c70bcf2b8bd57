"""What a folder says about its licence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from masklet.data.licences import stated_licence


def test_a_licence_file_is_quoted(tmp_path: Path) -> None:
    (tmp_path / "LICENSE.txt").write_text("\n  CC BY 4.0 \nand more")
    assert stated_licence(tmp_path) == "CC BY 4.0"
    (tmp_path / "LICENSE.txt").write_text("x" * 200)
    assert stated_licence(tmp_path) == "x" * 99 + "…"


def test_coco_counts_the_licences_of_its_pictures(tmp_path: Path) -> None:
    listing = {
        "licenses": [{"id": 1, "name": "BY"}, {"id": 2, "name": "BY-SA"}, {"id": 3, "name": "unused"}],
        "images": [{"id": 1, "license": 1}, {"id": 2, "license": 2}, {"id": 3, "license": 2}, {"id": 4}],
    }
    (tmp_path / "instances.json").write_text(json.dumps(listing))
    assert stated_licence(tmp_path) == "BY-SA (2), BY (1)"
    assert stated_licence(tmp_path / "instances.json") == "BY-SA (2), BY (1)"
    (tmp_path / "instances.json").write_text(json.dumps({"images": [{"id": 1}]}))
    assert stated_licence(tmp_path) is None


@pytest.mark.parametrize(("text", "said"), [("# Cats\nLicence: none", "see README.md of the data"), ("# Cats", None)])
def test_a_readme_is_pointed_to_if_it_says_something(tmp_path: Path, text: str, said: str | None) -> None:
    (tmp_path / "README.md").write_text(text)
    assert stated_licence(tmp_path) == said


def test_nothing_is_made_up(tmp_path: Path) -> None:
    (tmp_path / "LICENSE").write_text(" \n")
    assert stated_licence(tmp_path) is None
    assert stated_licence(tmp_path / "cats.tar") is None
