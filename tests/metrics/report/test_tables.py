from __future__ import annotations

import io

import pytest
from rich.console import Console

from masklet.metrics.report.tables import figures_table
from masklet.metrics.report.wording import wording
from masklet.metrics.results import Figure


def figure(predictor: str, setting: str, metric: str, value: float, count: int = 3) -> Figure:
    return Figure(predictor=predictor, setting=setting, metric=metric, value=value, count=count)


def rendered(figures: list[Figure], title: str = "title") -> list[list[str]]:
    console = Console(file=io.StringIO(), width=160, no_color=True)
    console.print(figures_table(figures, title))
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    return [[cell.strip() for cell in line.strip("┃│").replace("┃", "│").split("│")] for line in lines if line]


def test_lines_are_settings_and_predictors_and_columns_are_metrics():
    rows = rendered(
        [
            figure("nano", "mask", "J&F", 0.71249),
            figure("copy", "mask", "J&F", 0.3, count=2),
            figure("nano", "mask", "frames_per_second", 4.25),
            figure("nano", "click-1", "J&F", 1.0),
        ]
    )
    assert ["setting", "predictor", "J&F", "speed (/s)", "mean of"] in rows
    assert ["mask", "nano", "71.2", "4.2", "3"] in rows
    assert ["", "copy", "30.0", "", "2"] in rows
    assert ["click-1", "nano", "100.0", "", "3"] in rows


def test_counts_that_differ_are_a_range():
    assert ["mask", "nano", "10.0", "20.0", "2-7"] in rendered(
        [figure("nano", "mask", "J", 0.1, 7), figure("nano", "mask", "F", 0.2, 2)]
    )


def test_names_are_no_markup():
    rows = rendered([figure("[red]x", "[/bold]", "[b]", 0.5)], "[dim]t[/dim]")
    assert ["[dim]t[/dim]"] in rows
    assert ["[/bold]", "[red]x", "50.0", "3"] in rows


def test_no_figures_are_an_empty_table():
    assert figures_table([], "none").row_count == 0


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


def test_many_metrics_stand_down_and_fit_into_a_terminal():
    metrics = [f"measure_{index}" for index in range(12)]
    figures = [figure(name, "mask", metric, 0.25) for name in ("nano", "copy") for metric in metrics]
    table = figures_table([*figures, figure("nano", "mask", "id_switches", 3, 1)], "title")
    console = Console(file=io.StringIO(), width=80)
    assert console.measure(table).maximum <= 80
    rows = rendered([*figures, figure("nano", "mask", "id_switches", 3, 1)])
    assert ["setting", "metric", "nano", "copy", "mean of"] in rows
    assert ["mask", "measure 0", "25.0", "25.0", "3"] in rows
    assert ["", "ID switches", "3.0", "", "1"] in rows
