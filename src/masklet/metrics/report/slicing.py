"""The section of slices: the headline metric by group of each attribute."""

from __future__ import annotations

from collections.abc import Sequence

from masklet.metrics.bootstrap import Interval
from masklet.metrics.report.blocks import Cell, Charts, Section, Table
from masklet.metrics.report.charts import Difference, difference_chart
from masklet.metrics.report.svg import Format
from masklet.metrics.report.wording import Wording, wording
from masklet.metrics.results import Score
from masklet.metrics.slices import Attributes, Slice, groups_of, slices


def slices_section(scores: Sequence[Score], attributes: Attributes, leading: str | None) -> Section:
    """A table for each attribute, and of the leading predictor's first setting how far each group is from the others.

    Raises
    ------
    ValueError: no object of the scores has a group.
    """
    metric = "J&F" if any(score.metric == "F" for score in scores) else "iou"
    words = wording(metric)
    tables: list[Table] = []
    drawings: list[str] = []
    for name in dict.fromkeys(name for values in attributes.values() for name in values):
        found = slices(scores, groups_of(attributes, name), [metric])
        tables.append(_table(name, found, words))
        shown = [part for part in found if part.predictor == leading and part.difference is not None]
        rows = [
            Difference(
                label=part.group,
                value=part.difference.value,
                low=part.difference.low,
                high=part.difference.high,
                good=part.difference.value > 0 if part.difference.excludes_zero else None,
            )
            for part in shown
            if part.setting == shown[0].setting and part.difference is not None
        ]
        if rows:
            drawings.append(difference_chart(f"{name}: {leading}, {shown[0].setting}", rows, text=words.change))
    return Section(
        key="slices",
        title="By group",
        note=f"{words.label} in percent by attribute, mean over a group's objects; difference from all other objects. "
        "In brackets 95 % bootstrap intervals; a disc is filled where the interval leaves out 0.",
        tables=tables,
        charts=[Charts(drawings=drawings)] if drawings else [],
    )


def _table(name: str, found: Sequence[Slice], words: Wording) -> Table:
    rows = [
        [
            Cell(text=part.group),
            Cell(text=part.predictor),
            Cell(text=part.setting),
            Cell(text=str(part.count), value=part.count),
            Cell(text=f"{words.number(part.mean.value)} ({span(part.mean, words.number)})", value=part.mean.value),
            Cell(text="")
            if part.difference is None
            else Cell(
                text=f"{words.change(part.difference.value)} ({span(part.difference, words.change)})",
                value=part.difference.value,
                strong=part.difference.excludes_zero,
            ),
        ]
        for part in found
    ]
    heads = ["group", "predictor", "setting", "objects", words.heading, "difference"]
    return Table(caption=name, heads=heads, rows=rows, names=3)


def span(interval: Interval, text: Format) -> str:
    """An interval's ends: "-1.2 to +0.3"."""
    return f"{text(interval.low)} to {text(interval.high)}"
