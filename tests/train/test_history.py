"""What a run has come to, from its log."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from masklet.train.config import Cosine, Recipe, Validation
from masklet.train.history import History, figures_of
from masklet.train.recipes import nano
from masklet.train.settings import override


@pytest.fixture
def recipe() -> Recipe:
    plan = override(nano(), ["stages.0.steps=6", "stages.1.steps=4", "schedule=Cosine", "optimiser.rate=1e-3"])
    return replace(plan, validation=Validation(every=2, watch="J&F", patience=2))


def step(number: int, **figures: float) -> dict[str, float]:
    return {"step": number, "samples": 4, "frames": 12, "seconds": 2.0, "waited": 0.5, "norm": 1.0, **figures}


def test_the_log_is_read_back(recipe: Recipe, tmp_path: Path) -> None:
    lines = [step(1, loss=3.0), step(2, loss=2.0, tracked=0.5), {"step": 2, "validation": {"J&F": 0.4, "mIoU": 0.3}}]
    (tmp_path / "log.jsonl").write_text("\n".join(json.dumps(line) for line in lines) + '\n{"step": 3, "lo')
    history = History.read(tmp_path, recipe)
    assert [record["step"] for record in history.steps] == [1, 2]
    assert history.validations == [{"step": 2, "J&F": 0.4, "mIoU": 0.3}]
    assert figures_of(history.validations[0]) == {"J&F": 0.4, "mIoU": 0.3}
    assert history.done == 2
    assert history.figures() == ["loss", "tracked"]
    assert history.judgements() == ["J&F", "mIoU"]
    assert History.read(tmp_path / "nowhere", recipe).done == 0


def test_steps_that_a_killed_run_makes_again_count_once(recipe: Recipe) -> None:
    history = History(recipe)
    for number in (1, 2, 3, 4):
        history.step(step(number, loss=9.0))
    history.judged({"step": 4, "J&F": 0.9})
    history.step(step(3, loss=1.0))
    assert [(record["step"], record["loss"]) for record in history.steps] == [(1, 9.0), (2, 9.0), (3, 1.0)]
    assert history.validations == []
    assert history.seconds == 6.0


def test_what_is_left_and_how_fast(recipe: Recipe) -> None:
    history = History(recipe)
    assert (history.left, history.samples_per_second, history.loss, history.finished) == (None, None, None, False)
    for number in range(1, 5):
        history.step(step(number, loss=float(number)))
    assert history.left == pytest.approx(12)  # six steps of two seconds
    assert history.samples_per_second == pytest.approx(2)
    assert history.loss == pytest.approx(2.5)
    for number in range(5, 11):
        history.step(step(number))
    assert history.finished
    assert history.left == 0


def test_the_rate_is_the_schedules(recipe: Recipe) -> None:
    factor = Cosine(warm_up=0).factor(4, 10)
    assert History(recipe).rate(5) == pytest.approx(1e-3 * factor)
    assert History(recipe).rate(1) == pytest.approx(1e-3)


def test_the_best_is_the_first_highest_and_patience_ends(recipe: Recipe) -> None:
    history = History(recipe)
    assert history.best() is None
    for number, value in ((2, 0.3), (4, 0.5), (6, 0.5)):
        history.judged({"step": number, "J&F": value})
    best = history.best()
    assert best is not None
    assert best["step"] == 4
    assert not history.gave_up
    history.judged({"step": 8, "J&F": 0.1})
    assert history.gave_up
    assert not History(replace(recipe, validation=None)).gave_up


def test_curves_are_means_of_neighbours(recipe: Recipe) -> None:
    history = History(recipe)
    for number in range(1, 7):
        history.step(step(number, loss=float(number), **({"tracked": 0.5} if number > 4 else {})))
    assert history.curve("loss", 3) == [(1.5, 1.5), (3.5, 3.5), (5.5, 5.5)]
    assert history.curve("loss") == [(float(n), float(n)) for n in range(1, 7)]
    assert history.curve("tracked") == [(5.0, 0.5), (6.0, 0.5)]
    assert history.curve("absent") == []
    assert history.ratio("samples", "seconds", 2) == [(2.0, 2.0), (5.0, 2.0)]
