"""The charts of a run: by sequence, over time, over clicks, and how far the model's own estimates can be trusted."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from masklet.metrics.report.blocks import Charts, Section
from masklet.metrics.report.charts import Bar, Line, bar_chart, line_chart
from masklet.metrics.report.quality import sequence_quality
from masklet.metrics.report.wording import wording
from masklet.metrics.results import Figure, Score

_COLUMNS, _GROUPS = 3, 8  # drawings of bars side by side, groups in each of them
_MOST_BARS = 48
_MOST_TIMES = 24

Series = Mapping[str, int]
"""Predictor -> its colour and mark on the whole page."""


def series_of(predictors: Iterable[str]) -> dict[str, int]:
    """Each predictor's place among all of them."""
    return {predictor: index for index, predictor in enumerate(dict.fromkeys(predictors))}


def sequences_section(scores: Sequence[Score], series: Series, leading: str | None) -> Section:
    """Bars by sequence and predictor, the worst sequence of the leading predictor first."""
    groups: list[Charts] = []
    for setting, sequences in sequence_quality(scores).items():
        names = _worst_first(sequences, leading)
        shown = names[:_MOST_BARS]
        bars = [
            (name, [Bar(label=p, value=value, series=series[p]) for p, value in sequences[name].items()])
            for name in shown
        ]
        heading = setting if len(shown) == len(names) else f"{setting}: the {len(shown)} worst of {len(names)}"
        size = min(math.ceil(len(bars) / _COLUMNS), _GROUPS)
        drawings = [
            bar_chart(f"{setting}, from {part[0][0]} to {part[-1][0]}", part, text=wording("J").number, top=1)
            for start in range(0, len(bars), size)
            if (part := bars[start : start + size])
        ]
        groups.append(Charts(heading=heading, drawings=drawings, open=not groups))
    return Section(
        key="sequences",
        title="By sequence",
        note=f"{_measure(scores)} in percent, mean over a sequence's objects; worst first"
        + (f" by {leading}." if leading else "."),
        charts=groups,
    )


def time_section(scores: Sequence[Score], series: Series, leading: str | None) -> Section:
    """Each measure over the frames of each sequence, mean over objects."""
    found: dict[tuple[str, str, str, str], dict[int, list[float]]] = {}
    for score in scores:
        if score.frame is not None and score.metric in {"J", "F", "iou"}:
            key = (score.setting, score.sequence, score.metric, score.predictor)
            found.setdefault(key, {}).setdefault(score.frame, []).append(score.value)
    quality = sequence_quality(scores)
    groups: list[Charts] = []
    for setting in dict.fromkeys(key[0] for key in found):
        names = [
            name for name in _worst_first(quality[setting], leading) if any(k[:2] == (setting, name) for k in found)
        ]
        shown = names[:_MOST_TIMES]
        drawings = [
            _over_time(
                name,
                metric,
                {p: found[setting, name, metric, p] for p in series if (setting, name, metric, p) in found},
                series,
            )
            for name in shown
            for metric in ("J", "F", "iou")
            if any((setting, name, metric, predictor) in found for predictor in series)
        ]
        heading = setting if len(shown) == len(names) else f"{setting}: the {len(shown)} worst of {len(names)}"
        groups.append(Charts(heading=heading, drawings=drawings, open=not groups))
    return Section(
        key="time",
        title="Over time",
        note="By frame in percent, mean over the objects of the sequence.",
        charts=groups,
    )


def clicks_section(figures: Sequence[Figure], series: Series) -> Section:
    """Quality against the number of clicks, from the settings click-1, click-3, ..."""
    drawings: list[str] = []
    for metric in ("J&F", "iou", "boundary_iou"):
        lines: list[Line] = []
        for predictor, place in series.items():
            points = sorted(
                (float(match[1]), figure.value)
                for figure in figures
                if figure.predictor == predictor
                and figure.metric == metric
                and (match := re.fullmatch(r"click-(\d+)", figure.setting))
            )
            if len(points) > 1:
                lines.append(Line(label=predictor, points=points, series=place))
        if lines:
            drawings.append(
                line_chart(f"{wording(metric).label} by clicks", lines, x_label="clicks", x_text=whole, y_text=percent)
            )
    return Section(
        key="clicks",
        title="Click curves",
        note="How much each further click on an object helps, in percent.",
        charts=[Charts(drawings=drawings)] if drawings else [],
    )


def percent(value: float) -> str:
    """A share in percent without its sign, whole numbers on axes included: 0.5 is "50", 0.713 is "71.3"."""
    return f"{100 * value:.1f}".removesuffix(".0")


def whole(value: float) -> str:
    """A number without decimals."""
    return f"{value:.0f}"


def _over_time(name: str, metric: str, found: Mapping[str, Mapping[int, Sequence[float]]], series: Series) -> str:
    lines = [
        Line(
            label=predictor,
            points=[(float(frame), float(np.mean(values))) for frame, values in sorted(frames.items())],
            series=series[predictor],
        )
        for predictor, frames in found.items()
    ]
    return line_chart(
        f"{name}: {wording(metric).label}",
        lines,
        x_label="frame",
        x_text=whole,
        y_text=percent,
        y_range=(0, 1),
        plot_height=100,
    )


def _worst_first(sequences: Mapping[str, Mapping[str, float]], leading: str | None) -> list[str]:
    def value(name: str) -> float:
        found = sequences[name]
        return max(found.values()) if leading is None else found.get(leading, max(found.values()))

    return sorted(sequences, key=lambda name: (value(name), name))


def _measure(scores: Iterable[Score]) -> str:
    metrics = {score.metric for score in scores}
    return "J&F" if {"J", "F"} <= metrics else "J" if "J" in metrics else "IoU"
