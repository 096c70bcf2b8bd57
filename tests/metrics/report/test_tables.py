from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from masklet.metrics.report.tables import figures_table
from masklet.metrics.report.wording import wording
from masklet.metrics.results import Figure


def figure(predictor: str, setting: str, metric: str, value: float, count: int = 3) -> Figure:
    return Figure(predictor=predictor, setting=setting, metric=metric, value=value, count=count)


def rendered(figures: list[Figure], title: str = "title") -> list[list[str]]:
    """The cells of each line in a terminal of 80 columns, parted where there are two spaces or more."""
    console = Console(file=io.StringIO(), width=80, no_color=True)
    console.print(figures_table(figures, title))
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert all("…" not in line for line in lines)
    return [re.split(r"\s{2,}", line.strip()) for line in lines if line.strip()]


def test_settings_have_a_line_for_each_predictor_and_a_column_for_each_metric():
    rows = rendered(
        [
            figure("nano", "mask", "J&F", 0.71249),
            figure("nano", "mask", "frames_per_second", 4.25),
            figure("copy", "mask", "J&F", 0.3, count=2),
            figure("nano", "click-1", "J&F", 1.0),
        ]
    )
    assert rows[0] == ["title"]
    assert ["predictor", "J&F", "(/s)", "of"] in rows
    assert rows[-5:] == [
        ["mask"],
        ["nano", "71.2", "4.2", "3"],
        ["copy", "30.0", "2"],
        ["click-1"],
        ["nano", "100.0", "3"],
    ]


def test_counts_that_differ_are_a_range():
    assert ["nano", "10.0", "20.0", "2-7"] in rendered(
        [figure("nano", "mask", "J", 0.1, 7), figure("nano", "mask", "F", 0.2, 2)]
    )


def test_names_are_no_markup():
    rows = rendered([figure("[red]x", "[/bold]", "[b]", 0.5)], "[dim]t[/dim]")
    assert ["[dim]t[/dim]"] in rows
    assert rows[-2:] == [["[/bold]"], ["[red]x", "50.0", "3"]]


def test_no_figures_are_an_empty_table():
    assert figures_table([], "none").row_count == 0


def test_seven_metrics_stand_beside_each_other():
    metrics = ("J&F", "J", "F", "annotation_seconds", "seconds_per_frame", "edited_share", "clicks_per_edited_frame")
    rows = rendered([figure("flow", "offline-mean", metric, 0.5) for metric in metrics])
    assert rows[-1] == ["flow", "50.0", "50.0", "50.0", "0.5", "0.50", "50.0", "0.50", "3"]


def test_many_metrics_stand_below_each_other():
    metrics = [f"measure_{index}" for index in range(12)]
    figures = [figure(name, "mask", metric, 0.25) for name in ("nano", "copy") for metric in metrics]
    rows = rendered([*figures, figure("nano", "mask", "id_switches", 3, 1)])
    assert ["metric", "nano", "copy", "of"] in rows
    assert ["measure 0", "25.0", "25.0", "3"] in rows
    assert ["ID switches", "3.0", "1"] in rows


@pytest.mark.parametrize(
    ("metric", "value", "text"),
    [
        ("J", 0.5, "50.0 %"),
        ("boundary_iou", 0.12345, "12.3 %"),
        ("frames_per_second", 12.34, "12.3 /s"),
        ("seconds_per_frame", 0.456, "0.46 s"),
        ("peak_memory_bytes", 2.5e9, "2500 MB"),
        ("noc@90", 7.256, "7.26"),
        ("id_switches", 3, "3.0"),
        ("J", float("nan"), "–"),
    ],
)
def test_values_have_their_metrics_unit(metric: str, value: float, text: str):
    assert wording(metric).text(value) == text


@pytest.mark.parametrize(("metric", "lower"), [("J", False), ("J_decay", True), ("ece", True), ("noc@85", True)])
def test_what_is_better(metric: str, lower: bool):
    assert wording(metric).lower_is_better is lower
