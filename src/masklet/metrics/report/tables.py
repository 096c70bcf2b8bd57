"""Figures as tables in the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.table import Table
from rich.text import Text

from masklet.metrics.report.wording import wording
from masklet.metrics.results import Figure

_MOST_ACROSS = 7  # metrics that fit beside each other into a terminal of 80 columns


def figures_table(figures: Sequence[Figure], title: str) -> Table:
    """The figures of a run by setting, predictor and metric, each in the order of first appearance.

    Few metrics stand across, with a line for each setting and predictor; many stand down, with the predictors across.
    Shares are in percent with one decimal; what has another unit has it beside its name. What a predictor has no figure
    of is left empty.

    Parameters
    ----------
    figures: of one protocol; none gives a table without lines.
    title: written above the table; no markup.
    """
    table = Table(title=Text(title), title_justify="left", title_style="bold")
    table.add_column("setting")
    metrics = _ordered(figure.metric for figure in figures)
    if len(metrics) <= _MOST_ACROSS:
        _metrics_across(table, figures, metrics)
    else:
        _metrics_down(table, figures)
    return table


def _metrics_across(table: Table, figures: Sequence[Figure], metrics: Sequence[str]) -> None:
    cells = {(figure.setting, figure.predictor, figure.metric): figure for figure in figures}
    table.add_column("predictor")
    for metric in metrics:
        table.add_column(Text(wording(metric).heading), justify="right")
    table.add_column("mean of", justify="right", style="dim")
    for setting in _ordered(figure.setting for figure in figures):
        predictors = _ordered(figure.predictor for figure in figures if figure.setting == setting)
        for row, predictor in enumerate(predictors):
            found = [cells.get((setting, predictor, metric)) for metric in metrics]
            table.add_row(Text("" if row else setting), Text(predictor), *map(_number, found), _counts(found))
        table.add_section()


def _metrics_down(table: Table, figures: Sequence[Figure]) -> None:
    cells = {(figure.setting, figure.predictor, figure.metric): figure for figure in figures}
    predictors = _ordered(figure.predictor for figure in figures)
    table.add_column("metric")
    for predictor in predictors:
        table.add_column(Text(predictor), justify="right")
    table.add_column("mean of", justify="right", style="dim")
    for setting in _ordered(figure.setting for figure in figures):
        metrics = _ordered(figure.metric for figure in figures if figure.setting == setting)
        for row, metric in enumerate(metrics):
            found = [cells.get((setting, predictor, metric)) for predictor in predictors]
            name = Text(wording(metric).heading)
            table.add_row(Text("" if row else setting), name, *map(_number, found), _counts(found))
        table.add_section()


def _number(figure: Figure | None) -> str:
    return wording(figure.metric).number(figure.value) if figure else ""


def _counts(found: Iterable[Figure | None]) -> str:
    """How many values the line's figures are means of: "25", or "20-25" where they differ."""
    counts = [figure.count for figure in found if figure]
    low, high = min(counts), max(counts)
    return str(low) if low == high else f"{low}-{high}"


def _ordered(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))
