from __future__ import annotations

import numpy as np
import pytest

from benchmarks import metrics


@pytest.fixture(autouse=True)
def oracle():
    pytest.importorskip("vos_benchmark.evaluator")


def test_the_sides_agree_on_what_is_timed():
    for case in metrics.drawn_cases():
        answers = [side(case) for side in metrics.SIDES.values()]
        assert answers[0] == answers[1] == answers[2]
        assert all(0 < j < 1 and 0 < f < 1 for j, f in answers[0].values())
        assert case.truth.shape == (metrics.HEIGHT, metrics.WIDTH)


def test_sides_that_disagree_are_not_timed(monkeypatch):
    monkeypatch.setattr(
        metrics, "SIDES", {**metrics.SIDES, "official": lambda case: dict.fromkeys(case.objects, (0, 0))}
    )
    labels = np.ones((20, 30), np.uint8)
    with pytest.raises(ValueError, match="full: the sides disagree"):
        metrics.seconds(metrics.Case(name="full", predicted=labels, truth=labels, objects=[1]), rounds=1)


def test_ratios_are_of_medians():
    spent = {"bear": {"masklet": [0.001, 0.001, 9.0], "official": [0.02] * 3, "vos-benchmark": [0.03] * 3}}
    rendered = metrics.table(spent)
    assert [next(iter(column.cells)) for column in rendered.columns] == [
        "bear",
        "1.00",
        "20.00",
        "30.00",
        "20.0",
        "30.0",
    ]
