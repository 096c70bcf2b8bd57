"""Figures as tables in the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.table import Table
from rich.text import Text

from masklet.metrics.report.wording import wording
from masklet.metrics.results import Figure


def figures_table(figures: Sequence[Figure], title: str) -> Table:
    """One line for each setting and predictor, one column for each metric, all in the order of first appearance.

    Shares are written in percent with one decimal; what has another unit has it in its heading. A metric that a
    predictor has no figure of is left empty.

    Parameters
    ----------
    figures: of one protocol; none gives a table without lines.
    title: written above the table; no markup.
    """
    metrics = _ordered(figure.metric for figure in figures)
    cells = {(figure.setting, figure.predictor, figure.metric): figure for figure in figures}
    table = Table(title=Text(title), title_justify="left", title_style="bold")
    table.add_column("setting")
    table.add_column("predictor")
    for metric in metrics:
        table.add_column(Text(wording(metric).heading), justify="right")
    table.add_column("mean of", justify="right", style="dim")
    for setting in _ordered(figure.setting for figure in figures):
        predictors = _ordered(figure.predictor for figure in figures if figure.setting == setting)
        for row, predictor in enumerate(predictors):
            found = [cells.get((setting, predictor, metric)) for metric in metrics]
            values = [wording(figure.metric).number(figure.value) if figure else "" for figure in found]
            table.add_row(
                Text("" if row else setting), Text(predictor), *values, _counts(figure for figure in found if figure)
            )
        table.add_section()
    return table


def _counts(found: Iterable[Figure]) -> str:
    """How many values the line's figures are means of: "25", or "20-25" where they differ."""
    counts = [figure.count for figure in found]
    low, high = min(counts), max(counts)
    return str(low) if low == high else f"{low}-{high}"


def _ordered(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))
