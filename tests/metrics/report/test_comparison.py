from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from masklet.export.pages import render
from masklet.metrics.report.comparison import (
    changes_table,
    compare_runs,
    comparison_page,
    leading_changes,
    objects_table,
    other_data,
    verdict,
)
from masklet.metrics.report.runs import open_run
from masklet.metrics.results import Score, figures

MakeRun = Callable[..., Path]


def rows(metric: str, values: list[float], predictor: str = "model", setting: str = "mask") -> list[Score]:
    return [
        Score(
            predictor=predictor, setting=setting, sequence=f"v{i}", object_id=1, frame=None, metric=metric, value=value
        )
        for i, value in enumerate(values)
    ]


def printed(table: object) -> str:
    console = Console(file=io.StringIO(), width=80, no_color=True)
    console.print(table)
    return console.file.getvalue()  # type: ignore[attr-defined]


@pytest.fixture
def runs(make_run: MakeRun):
    """`runs(before, after)`: two opened runs of these scores."""

    def make(before: list[Score], after: list[Score], protocol: str = "images", checksum: str = "00"):
        kinds = {"protocol": protocol, "means": lambda scores: figures(scores, ["iou"])}
        first = make_run("before", scores=before, **kinds)
        second = make_run("after", scores=after, checksum=checksum, **kinds)
        return open_run(first), open_run(second)

    return make


def test_what_is_better_depends_on_the_metric(runs):
    before = [*rows("iou", [0.5, 0.6, 0.7]), *rows("NoC@85", [9, 8, 7]), *rows("AR", [0.5, 0.5, 0.5])]
    before += [*rows("boundary_iou", [0.2, 0.2, 0.2]), *rows("predicted_iou", [1, 1, 1])]
    after = [*rows("iou", [0.6, 0.7, 0.9]), *rows("NoC@85", [10, 9, 9]), *rows("AR", [0.5, 0.5, 0.5])]
    after += [*rows("boundary_iou", [0.1, 0.4, 0.2]), *rows("predicted_iou", [0, 0, 0])]
    changes = {change.metric: change for change in compare_runs(*runs(before, after)).changes}
    assert {name: verdict(change) for name, change in changes.items()} == {
        "iou": "better",
        "NoC@85": "worse",
        "AR": "unchanged",
        "boundary_iou": "unclear",
    }


def test_the_terminal_has_means_differences_and_intervals(runs):
    first, second = runs(rows("iou", [0.5, 0.6]), rows("iou", [0.6, 0.8]))
    found = compare_runs(first, second)
    text = printed(changes_table(found, first.name, second.name))
    assert "before -> after" in text
    assert "model, mask" in text
    line = next(line for line in text.splitlines() if "IoU" in line)
    assert line.split() == ["IoU", "55.0", "70.0", "+15.0", "+10.0", "to", "+20.0", "better"]


def test_the_most_changed_objects_come_first(runs):
    found = compare_runs(*runs(rows("iou", [0.5, 0.6, 0.9]), rows("iou", [0.6, 0.9, 0.7])))
    lines = printed(objects_table(leading_changes(found), most=1)).splitlines()
    assert [line.split() for line in lines if "v" in line and "model" in line] == [
        ["model", "mask", "v1", "1", "60.0", "90.0", "+30.0"],
        ["model", "mask", "v2", "1", "90.0", "70.0", "-20.0"],
    ]


def test_chosen_metrics_only(runs):
    before = [*rows("iou", [0.5]), *rows("AR", [0.5])]
    first, second = runs(before, before)
    found = compare_runs(first, second, ["AR"])
    assert [change.metric for change in found.changes] == ["AR"]


@pytest.mark.parametrize(
    ("after", "metrics", "said"),
    [
        (rows("iou", [0.5], setting="box"), None, "before and after have nothing in common"),
        (rows("iou", [0.5]), ["J&F"], "no metric 'J&F' in before and after: there are iou"),
    ],
)
def test_nothing_in_common_is_an_error(runs, after: list[Score], metrics: list[str] | None, said: str):
    first, second = runs(rows("iou", [0.5]), after)
    with pytest.raises(ValueError, match=said):
        compare_runs(first, second, metrics)


def test_two_protocols_are_an_error(make_run: MakeRun):
    first, second = (make_run(name, protocol=name) for name in ("vos", "robustness"))
    with pytest.raises(ValueError, match="vos in vos and robustness in robustness"):
        compare_runs(open_run(first), open_run(second))


def test_the_page_says_what_changed_and_what_is_missing(runs):
    before = [*rows("iou", [0.5, 0.6, 0.9]), *rows("iou", [0.5], predictor="old"), *rows("iou", [0.5], setting="<b>")]
    after = [*rows("iou", [0.6, 0.9, 0.7]), *rows("iou", [0.5], setting="<b>")]
    first, second = runs(before, after, checksum="11")
    page = render(comparison_page(first, second, compare_runs(first, second)))
    for text in ("At a glance", "What got better", "What got worse", "All changes", "only in before", "predictor old"):
        assert text in page
    assert "<b>" not in page.partition("<main")[2]
    assert "not the same data" in page
    assert "bear" in other_data(first, second)
    assert "+6.7" in page  # (10 + 30 - 20) / 3


def test_nothing_worse_leaves_the_section_out(runs):
    first, second = runs(rows("iou", [0.5, 0.6]), rows("iou", [0.6, 0.8]))
    page = render(comparison_page(first, second, compare_runs(first, second)))
    assert "What got better" in page
    assert "What got worse" not in page
