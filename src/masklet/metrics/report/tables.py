"""Figures as tables in the terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from masklet.metrics.report.wording import wording
from masklet.metrics.results import Figure

_TERMINAL = 80
_HEADING = 6  # longer headings go on in the next line


def figures_table(figures: Sequence[Figure], title: str) -> Table:
    """The figures of a run by setting, predictor and metric, each in the order of first appearance.

    Under each setting there is a line for each predictor and a column for each metric, or the other way round where the
    metrics do not fit beside each other into 80 columns. Shares are in percent with one decimal; what has another unit
    has it beside its name. What a predictor has no figure of is left empty.

    Parameters
    ----------
    figures: of one protocol; none gives a table without lines.
    title: written above the table; no markup.
    """
    across = _metrics_across(figures, title)
    wide = Console(width=10 * _TERMINAL).measure(across).maximum > _TERMINAL
    return _metrics_down(figures, title) if wide else across


def _metrics_across(figures: Sequence[Figure], title: str) -> Table:
    metrics = _ordered(figure.metric for figure in figures)
    table = _table(title, "predictor", [wording(metric).heading for metric in metrics])
    for setting, group in _by_setting(figures).items():
        table.add_row(Text(setting, style="bold"))
        for predictor in _ordered(figure.predictor for figure in group):
            found = {figure.metric: figure for figure in group if figure.predictor == predictor}
            _add(table, predictor, [found.get(metric) for metric in metrics])
    return table


def _metrics_down(figures: Sequence[Figure], title: str) -> Table:
    predictors = _ordered(figure.predictor for figure in figures)
    table = _table(title, "metric", predictors)
    for setting, group in _by_setting(figures).items():
        table.add_row(Text(setting, style="bold"))
        for metric in _ordered(figure.metric for figure in group):
            found = {figure.predictor: figure for figure in group if figure.metric == metric}
            _add(table, wording(metric).heading, [found.get(predictor) for predictor in predictors])
    return table


def _table(title: str, name: str, headings: Iterable[str]) -> Table:
    table = Table(
        title=Text(title),
        title_justify="left",
        title_style="bold",
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
    )
    table.add_column(name)
    for heading in headings:
        table.add_column(Text(textwrap.fill(heading, _HEADING, break_long_words=False)), justify="right")
    table.add_column("mean\nof", justify="right", style="dim")
    return table


def _add(table: Table, name: str, found: Sequence[Figure | None]) -> None:
    values = [wording(figure.metric).number(figure.value) if figure else "" for figure in found]
    counts = [figure.count for figure in found if figure]
    low, high = min(counts), max(counts)
    table.add_row(Text(f"  {name}"), *values, str(low) if low == high else f"{low}-{high}")


def _by_setting(figures: Sequence[Figure]) -> dict[str, list[Figure]]:
    groups: dict[str, list[Figure]] = {}
    for figure in figures:
        groups.setdefault(figure.setting, []).append(figure)
    return groups


def _ordered(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))
