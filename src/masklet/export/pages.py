"""Pages that people read: plain values that one template turns into HTML. Texts are no markup: it escapes them.

A page is one file with its style, script and pictures inside; it asks the network for nothing.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from numpy.typing import NDArray

from masklet.export.files import atomic_path


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A cell of a table: what it says, and its number where it is one (for sorting and alignment)."""

    text: str
    value: float | None = None
    strong: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows under headings; the first `names` columns are names, all others numbers."""

    caption: str
    heads: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    names: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Charts:
    """Drawings (SVG text) that stand side by side; a `heading` makes them a part that folds."""

    drawings: Sequence[str]
    heading: str = ""
    open: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Strip:
    """One picture (a data address), what it says to those who cannot see it, and the lines under it."""

    address: str
    alternative: str
    width: int
    height: int
    title: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A part of the page with its own address."""

    key: str
    title: str
    note: str = ""
    tables: Sequence[Table] = ()
    charts: Sequence[Charts] = ()
    strips: Sequence[Strip] = ()

    @property
    def empty(self) -> bool:
        """Whether there is nothing to show: such a section is left out."""
        return not (any(table.rows for table in self.tables) or self.charts or self.strips)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """A figure to be seen first."""

    label: str
    value: str
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A whole page.

    Attributes
    ----------
    kind: what sort of page it is, above the title.
    facts: label and value of what was run, on what.
    tiles: the figures to be seen first.
    manifest: all that pins what was run, as JSON text; empty for none.
    refresh: seconds after which a browser is to look for a newer page; 0 for a page that stays as it is.
    """

    kind: str
    title: str
    facts: Sequence[tuple[str, str]]
    tiles: Sequence[Tile]
    sections: Sequence[Section]
    manifest: str = ""
    refresh: int = 0


def render(page: Page) -> str:
    """The page as HTML; sections without contents are left out."""
    environment = Environment(
        loader=PackageLoader("masklet.export"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    full = replace(page, sections=[section for section in page.sections if not section.empty])
    return environment.get_template("page.html").render(page=full)


def write_page(page: Page, out: Path) -> None:
    """Write a page as one HTML file, atomically. Raises ValueError where the file cannot be written."""
    with atomic_path(out) as temporary:
        temporary.write_text(render(page), encoding="utf-8")


def data_uri(picture: NDArray[np.uint8], *, quality: int = 82) -> str:
    """A picture [H,W,3] as a JPEG inside of an address, for pages that load nothing."""
    written, data = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert written
    return "data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode("ascii")
