"""The section of slices: the headline metric by group of each attribute."""

from __future__ import annotations

from collections.abc import Sequence

from masklet.export.charts import Difference, difference_chart
from masklet.export.pages import Cell, Charts, Section, Table
from masklet.export.svg import Format
from masklet.metrics.bootstrap import Interval
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
    alone: list[str] = []
    for name in dict.fromkeys(name for values in attributes.values() for name in values):
        found = slices(scores, groups_of(attributes, name), [metric])
        if len({part.group for part in found}) == 1:
            alone.append(f"{name} ({found[0].group})")
            continue
        tables.append(_table(name, found, words))
        drawings += _drawing(name, [part for part in found if part.predictor == leading], words)
    note = (
        f"{words.label} in percent by attribute, mean over a group's objects, in brackets its 95 % bootstrap interval; "
        "bold where it differs from that of all other objects, and neither side is one object alone. The charts have "
        "that difference, for the first setting; a disc is filled where the table is bold."
    )
    if alone:
        note += f" All objects are of one group: {', '.join(alone)}."
    charts = [Charts(drawings=drawings)] if drawings else []
    return Section(key="slices", title="By group", note=note, tables=tables, charts=charts)


def _table(name: str, found: Sequence[Slice], words: Wording) -> Table:
    settings = list(dict.fromkeys(part.setting for part in found))
    lines: dict[tuple[str, str], dict[str, Slice]] = {}
    for part in found:
        lines.setdefault((part.group, part.predictor), {})[part.setting] = part
    rows = [
        [
            Cell(text=group),
            Cell(text=predictor),
            Cell(text=str(count := max(part.count for part in parts.values())), value=count),
            *(_cell(parts[setting], found, words) if setting in parts else Cell(text="") for setting in settings),
        ]
        for (group, predictor), parts in lines.items()
    ]
    return Table(caption=name, heads=["group", "predictor", "objects", *settings], rows=rows, names=2)


def _cell(part: Slice, found: Sequence[Slice], words: Wording) -> Cell:
    text = words.number(part.mean.value)
    if part.count > 1:
        text += f" ({span(part.mean, words.number)})"
    return Cell(text=text, value=part.mean.value, strong=_differs(part, found))


def _differs(part: Slice, found: Sequence[Slice]) -> bool:
    """Whether the group differs from all other objects by more than chance; one object's mean has no spread to tell."""
    place = part.predictor, part.setting
    others = sum(other.count for other in found if (other.predictor, other.setting) == place) - part.count
    return part.difference is not None and part.difference.excludes_zero and min(part.count, others) > 1


def _drawing(name: str, found: Sequence[Slice], words: Wording) -> list[str]:
    """The differences of the first setting as a chart; none where there are none."""
    rows = [
        Difference(
            label=part.group,
            value=part.difference.value,
            low=part.difference.low,
            high=part.difference.high,
            good=part.difference.value > 0 if _differs(part, found) else None,
        )
        for part in found
        if part.setting == found[0].setting and part.difference is not None
    ]
    title = f"{name}: {found[0].predictor}, {found[0].setting}" if found else ""
    return [difference_chart(title, rows, text=words.change)] if rows else []


def span(interval: Interval, text: Format) -> str:
    """An interval's ends: "-1.2 to +0.3"."""
    return f"{text(interval.low)} to {text(interval.high)}"
