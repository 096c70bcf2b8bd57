"""Pages: one file, no markup from texts, nothing from the network."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from masklet.export.pages import Cell, Charts, Page, Section, Table, Tile, data_uri, render, write_page

HOSTILE = "<script>alert(1)</script>"


def page(**changes: object) -> Page:
    given = {"kind": "a kind", "title": "a title", "facts": [("what", HOSTILE)], "tiles": [], "sections": []}
    return Page(**{**given, **changes})  # pyright: ignore


def test_texts_are_no_markup_and_drawings_are() -> None:
    sections = [
        Section(key="a", title=HOSTILE, charts=[Charts(drawings=["<svg id='drawn'></svg>"])]),
        Section(key="t", title="t", tables=[Table(caption="c", heads=["x"], rows=[[Cell(text=HOSTILE)]])]),
    ]
    text = render(page(title=HOSTILE, tiles=[Tile(label=HOSTILE, value="1", note="n")], sections=sections))
    assert HOSTILE not in text
    assert "<svg id='drawn'></svg>" in text
    assert text.count("&lt;script&gt;") >= 5


def test_sections_without_contents_are_left_out() -> None:
    text = render(page(sections=[Section(key="empty", title="Nothing here", note="but a note")]))
    assert "Nothing here" not in text


def test_a_page_looks_for_a_newer_one_only_where_it_is_to() -> None:
    assert 'http-equiv="refresh" content="30"' in render(page(refresh=30))
    assert 'http-equiv="refresh"' not in render(page())


def test_a_page_replaces_an_older_one(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    write_page(page(title="first"), path)
    write_page(page(title="second"), path)
    assert "second" in path.read_text()
    assert [entry.name for entry in tmp_path.iterdir()] == ["page.html"]
    with pytest.raises(ValueError, match="cannot write"):
        write_page(page(), tmp_path / "nowhere" / "page.html")


def test_a_picture_travels_in_its_address():
    kind, _, data = data_uri(np.full((8, 12, 3), (200, 30, 30), np.uint8)).partition(",")
    assert kind == "data:image/jpeg;base64"
    with Image.open(io.BytesIO(base64.b64decode(data))) as image:
        assert image.size == (12, 8)
        red, green, blue = image.getpixel((5, 5))  # type: ignore[misc]
    assert red > 150
    assert max(green, blue) < 80
