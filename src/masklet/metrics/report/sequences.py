"""Quality sequence by sequence: bars of the means, lines over the frames."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from masklet.export.charts import Bar, Line, line_chart
from masklet.export.pages import Charts, Section
from masklet.metrics.report.curves import Series, bar_charts
from masklet.metrics.report.quality import sequence_quality
from masklet.metrics.report.wording import percent, whole, wording
from masklet.metrics.results import Score

_MOST_BARS = 48
_MOST_TIMES, _FEWEST_TIMES, _ALL_TIMES = 24, 4, 96  # sequences over time: of one setting, of any, of all settings
_MEASURES = ("J", "F", "iou")

Course = dict[str, dict[str, dict[int, list[float]]]]
"""Measure -> predictor -> frame -> values of the objects, of one sequence."""


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
        drawings = bar_charts(setting, bars, wording("J"))
        groups.append(Charts(heading=_heading(setting, len(shown), len(names)), drawings=drawings, open=not groups))
    return Section(
        key="sequences",
        title="By sequence",
        note=f"{_measure(scores)} in percent, mean over a sequence's objects; worst first"
        + (f" by {leading}." if leading else "."),
        charts=groups,
    )


def time_section(scores: Sequence[Score], series: Series, leading: str | None) -> Section:
    """Each measure over the frames of each sequence, mean over objects."""
    courses: dict[str, dict[str, Course]] = {}
    for score in scores:
        if score.frame is not None and score.metric in _MEASURES:
            course = courses.setdefault(score.setting, {}).setdefault(score.sequence, {})
            frames = course.setdefault(score.metric, {}).setdefault(score.predictor, {})
            frames.setdefault(score.frame, []).append(score.value)
    quality = sequence_quality(scores)
    most = min(max(_ALL_TIMES // max(len(courses), 1), _FEWEST_TIMES), _MOST_TIMES)
    groups: list[Charts] = []
    for setting, sequences in courses.items():
        names = [name for name in _worst_first(quality[setting], leading) if name in sequences]
        shown = names[:most]
        drawings = [_over_time(name, sequences[name], series) for name in shown]
        heading = _heading(setting, len(shown), len(names))
        groups.append(Charts(heading=heading, drawings=drawings, open=not groups))
    return Section(
        key="time",
        title="Over time",
        note="By frame in percent, mean over the objects of the sequence.",
        charts=groups,
    )


def _over_time(name: str, course: Course, series: Series) -> str:
    """One drawing for each measure, one above the other."""
    return "".join(
        line_chart(
            f"{name}: {wording(metric).label}",
            [
                Line(
                    label=predictor,
                    points=[(float(frame), float(np.mean(values))) for frame, values in sorted(frames.items())],
                    series=series[predictor],
                )
                for predictor, frames in course[metric].items()
            ],
            x_label="frame",
            x_text=whole,
            y_text=percent,
            y_range=(0, 1),
            plot_height=90,
        )
        for metric in _MEASURES
        if metric in course
    )


def _heading(setting: str, shown: int, all_: int) -> str:
    return setting if shown == all_ else f"{setting}: the {shown} worst of {all_} sequences"


def _worst_first(sequences: Mapping[str, Mapping[str, float]], leading: str | None) -> list[str]:
    def value(name: str) -> float:
        found = sequences[name]
        return max(found.values()) if leading is None else found.get(leading, max(found.values()))

    return sorted(sequences, key=lambda name: (value(name), name))


def _measure(scores: Iterable[Score]) -> str:
    metrics = {score.metric for score in scores}
    return "J&F" if {"J", "F"} <= metrics else "J" if "J" in metrics else "IoU"
