"""What a page is made of: plain values that one template turns into HTML. Texts are no markup: it escapes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


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
    manifest: the whole manifest as JSON text; empty for none.
    """

    kind: str
    title: str
    facts: Sequence[tuple[str, str]]
    tiles: Sequence[Tile]
    sections: Sequence[Section]
    manifest: str = ""
