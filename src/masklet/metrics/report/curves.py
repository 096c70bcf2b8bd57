"""Quality by setting: bars of all, curves over clicks, and over interactive rounds and the time they take a user."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence

from masklet.export.charts import Bar, Line, bar_chart, line_chart
from masklet.export.pages import Charts, Section
from masklet.metrics.report.quality import headline
from masklet.metrics.report.wording import Wording, percent, whole, wording
from masklet.metrics.results import Figure, Score

_COLUMNS, _GROUPS = 3, 8  # drawings of bars side by side, groups in each of them
ROUND = re.compile(r"(offline|online)-(\d+)(-first-\d+)?")
"""Setting of an interactive round: its mode, and how many frames were prompted."""
_CLICKS = re.compile(r"click-(\d+)(?:-first-\d+)?")

Series = Mapping[str, int]
"""Predictor -> its colour and mark on the whole page."""


def series_of(predictors: Iterable[str]) -> dict[str, int]:
    """Each predictor's place among all of them."""
    return {predictor: index for index, predictor in enumerate(dict.fromkeys(predictors))}


def finished_rounds(scores: Sequence[Score]) -> list[Score]:
    """The scores without the settings of interactive rounds that others followed: of "online-1" to "-8" the last."""
    last: dict[str, int] = {}
    rounds: dict[str, tuple[str, int]] = {}
    for setting in dict.fromkeys(score.setting for score in scores):
        if match := ROUND.fullmatch(setting):
            rounds[setting] = match[1], int(match[2])
            last[match[1]] = max(last.get(match[1], 0), int(match[2]))
    passed = {setting for setting, (mode, count) in rounds.items() if count < last[mode]}
    return [score for score in scores if score.setting not in passed]


def settings_section(figures: Sequence[Figure], series: Series) -> Section:
    """Bars of the headline metric by setting; of interactive rounds there are curves instead."""
    metric = headline(figures)
    groups: dict[str, list[Bar]] = {}
    for figure in figures:
        if figure.metric == metric and not ROUND.fullmatch(figure.setting):
            bar = Bar(label=figure.predictor, value=figure.value, series=series[figure.predictor])
            groups.setdefault(figure.setting, []).append(bar)
    if metric is None or len(groups) < 2:
        return Section(key="settings", title="By setting")
    words = wording(metric)
    return Section(
        key="settings",
        title="By setting",
        note=f"{words.heading}{' in percent' if words.unit == '%' else ''}.",
        charts=[Charts(drawings=bar_charts("settings", list(groups.items()), words))],
    )


def bar_charts(title: str, groups: Sequence[tuple[str, Sequence[Bar]]], words: Wording) -> list[str]:
    """Groups of bars, in as few drawings as stand side by side or have a handy height; shares run up to 100 %."""
    rows = math.ceil(len(groups) / (_COLUMNS * _GROUPS))
    size = math.ceil(len(groups) / (_COLUMNS * rows))
    return [
        bar_chart(
            f"{title}, from {part[0][0]} to {part[-1][0]}",
            part,
            text=words.number,
            top=1 if words.unit == "%" else max(bar.value or 0 for _, bars in groups for bar in bars),
        )
        for start in range(0, len(groups), size)
        if (part := groups[start : start + size])
    ]


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
                and (match := _CLICKS.fullmatch(figure.setting))
            )
            if len(points) > 1:
                lines.append(Line(label=predictor, points=points, series=place))
        if lines:
            title = f"{wording(metric).label} by clicks"
            drawings.append(line_chart(title, lines, x_label="clicks", x_text=whole, y_text=percent))
    return Section(
        key="clicks",
        title="Click curves",
        note="How much each further click on an object helps, in percent.",
        charts=[Charts(drawings=drawings)] if drawings else [],
    )


def rounds_section(figures: Sequence[Figure], series: Series) -> Section:
    """J&F of interactive rounds, against the number of prompted frames and against the user's time."""
    groups: list[Charts] = []
    for mode in ("offline", "online"):
        by_frames: list[Line] = []
        by_time: list[Line] = []
        for predictor, place in series.items():
            found = _rounds(figures, predictor, mode)
            if not found:
                continue
            frames = [(float(count), values["J&F"]) for count, values in found]
            times = sorted((values["annotation_seconds"], values["J&F"]) for _, values in found)
            by_frames.append(Line(label=predictor, points=frames, series=place))
            by_time.append(Line(label=predictor, points=times, series=place))
        if by_frames:
            drawings = [
                line_chart(f"J&F by {what}", lines, x_label=label, x_text=whole, y_text=percent)
                for what, label, lines in (
                    ("prompted frames", "prompted frames of an object", by_frames),
                    ("the user's time", "seconds for an object", by_time),
                )
            ]
            groups.append(Charts(heading=mode, drawings=drawings))
    return Section(
        key="rounds",
        title="Interactive rounds",
        note="What each further corrected frame brings, and what it costs a user: J&F in percent.",
        charts=groups,
    )


def _rounds(figures: Iterable[Figure], predictor: str, mode: str) -> list[tuple[int, dict[str, float]]]:
    """(prompted frames, metric -> value) of each round, ascending."""
    found: dict[int, dict[str, float]] = {}
    for figure in figures:
        match = ROUND.fullmatch(figure.setting)
        if match and match[1] == mode and figure.predictor == predictor:
            found.setdefault(int(match[2]), {})[figure.metric] = figure.value
    return sorted(found.items())
