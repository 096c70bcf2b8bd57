"""Comparison of two runs on rows written by hand."""

from __future__ import annotations

import pytest

from masklet.metrics.bootstrap import paired_interval
from masklet.metrics.compare import compare
from masklet.metrics.results import Score


def rows(
    values: dict[tuple[str, int | None], float], predictor: str = "nano", setting: str = "mask", metric: str = "J"
) -> list[Score]:
    return [
        Score(
            predictor=predictor,
            setting=setting,
            sequence=sequence,
            object_id=number,
            frame=1,
            metric=metric,
            value=value,
        )
        for (sequence, number), value in values.items()
    ]


BEFORE: dict[tuple[str, int | None], float] = {("bear", 1): 0.5, ("bear", 2): 0.5, ("cows", 1): 0.5, ("dogs", 1): 0.5}
AFTER: dict[tuple[str, int | None], float] = {("dogs", 1): 0.7, ("bear", 1): 0.4, ("cows", 1): 0.5, ("bear", 2): 0.9}


def test_differences_are_paired_by_object_in_any_order() -> None:
    (change,) = compare(rows(BEFORE), rows(AFTER), draws=500).changes
    assert (change.first, change.second) == (0.5, pytest.approx(0.625))
    assert change.difference == paired_interval([0.4, 0.9, 0.5, 0.7], [0.5] * 4, draws=500)
    assert [(one.sequence, one.object_id) for one in change.improved()] == [("bear", 2), ("dogs", 1)]
    assert [(one.sequence, one.object_id) for one in change.improved(1)] == [("bear", 2)]
    assert [(one.sequence, one.difference) for one in change.worsened()] == [("bear", pytest.approx(-0.1))]


def test_a_run_against_itself_has_no_difference() -> None:
    comparison = compare(rows(BEFORE), rows(BEFORE), draws=50)
    (change,) = comparison.changes
    assert (change.difference.value, change.difference.low, change.difference.high) == (0, 0, 0)
    assert change.improved() == change.worsened() == []
    assert comparison.only_first == comparison.only_second == ()


def test_less_is_better_for_clicks() -> None:
    first = rows({("a", 1): 4.0, ("b", 1): 7.0}, metric="noc@85")
    second = rows({("a", 1): 3.0, ("b", 1): 9.0}, metric="noc@85")
    (change,) = compare(first, second, draws=50).changes
    assert change.lower_is_better
    assert [one.sequence for one in change.improved()] == ["a"]
    assert [one.sequence for one in change.worsened()] == ["b"]


def test_frames_are_averaged_first_and_j_and_f_leads() -> None:
    first = [*rows(BEFORE), *rows(BEFORE, metric="F")]
    second = [*rows(AFTER), *rows(BEFORE, metric="F")]
    changes = compare(first, second, draws=50).changes
    assert [change.metric for change in changes] == ["J&F", "J", "F"]
    assert changes[0].difference.value == pytest.approx(changes[1].difference.value / 2)
    (only,) = compare(first, second, ["F"], draws=50).changes
    assert only.metric == "F"


def test_a_renamed_model_is_matched_with_its_former_self() -> None:
    first = [*rows(BEFORE, "copy"), *rows(BEFORE, "old")]
    second = [*rows(AFTER, "new"), *rows(BEFORE, "copy")]
    comparison = compare(first, second, draws=50)
    assert [(change.first_predictor, change.second_predictor) for change in comparison.changes] == [
        ("copy", "copy"),
        ("old", "new"),
    ]
    assert comparison.only_first == comparison.only_second == ()


def test_what_one_run_has_alone_is_named_once_as_the_largest_thing() -> None:
    first = [
        *rows(BEFORE),
        *rows(BEFORE, setting="click-1"),
        *rows(BEFORE, metric="presence"),
        *rows(BEFORE, "flow"),
        *rows(BEFORE, "copy"),
    ]
    second = [*rows({("bear", 1): 0.4, ("goat", 1): 0.6, ("goat", 2): 0.6})]
    comparison = compare(first, second, draws=50)
    (change,) = comparison.changes
    assert len(change.objects) == 1
    assert comparison.only_first == (
        "object 2 of bear (nano, mask)",
        "sequence cows (nano, mask)",
        "sequence dogs (nano, mask)",
        "metric presence (nano, mask)",
        "setting click-1 (nano)",
        "predictor flow",
        "predictor copy",
    )
    assert comparison.only_second == ("sequence goat (nano, mask)",)


@pytest.mark.parametrize(
    "second",
    [
        rows({("goat", 1): 0.5}),
        rows(BEFORE, setting="box"),
        rows(BEFORE, metric="F"),
        [*rows(BEFORE, "a"), *rows(BEFORE, "b")],
        [],
    ],
)
def test_runs_that_share_nothing_are_refused(second: list[Score]) -> None:
    with pytest.raises(ValueError, match=r"the first has nano \(mask\) on bear, cows, dogs; the second has "):
        compare(rows(BEFORE), second)
