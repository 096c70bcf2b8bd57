"""The live line and tensorboard."""

from __future__ import annotations

import importlib.util
import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from masklet.train.config import Recipe, Validation
from masklet.train.history import History
from masklet.train.recipes import nano
from masklet.train.settings import override
from masklet.train.watchers import LiveLine, TensorBoard
from masklet.train.wording import axis_percent, duration, loss_text, percent, rate_text, rough_duration


@pytest.fixture
def recipe() -> Recipe:
    plan = override(nano(), ["stages.0.steps=3", "stages.1.steps=1", "schedule=Cosine", "optimiser.rate=6e-4"])
    return replace(plan, validation=Validation(every=2))


def step(number: int) -> dict[str, float]:
    return {"step": number, "samples": 4, "seconds": 2.0, "waited": 0.5, "norm": 1.0, "loss": 1.25}


def test_a_pipe_gets_a_line_at_the_end_and_one_for_each_validation(recipe: Recipe) -> None:
    text = io.StringIO()
    history = History(recipe)
    line = LiveLine(history, Console(file=text, width=200))
    for number in range(1, 5):
        for watcher in (history, line):
            watcher.step(step(number))
        if number % 2 == 0:
            for watcher in (history, line):
                watcher.judged({"step": number, "J&F": 0.5 - 0.1 * number})
    line.close()
    assert text.getvalue().splitlines() == [
        "step 2: J&F 30.0 (best)",
        "4/4  loss 1.250  rate 1.4e-4  2.0 samples/s  J&F 30.0",
        "step 4: J&F 10.0",
    ]


def test_a_terminal_gets_a_line_that_is_kept_up_to_date_and_goes_away(recipe: Recipe) -> None:
    text = io.StringIO()
    history = History(recipe)
    line = LiveLine(history, Console(file=text, width=120, force_terminal=True))
    history.step(step(1))
    line.step(step(1))
    line.close()
    assert "1/4  loss 1.250" in text.getvalue()
    assert text.getvalue().endswith("\x1b[2K")  # the line is erased


def test_tensorboard_gets_the_scalars(recipe: Recipe, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    def follow(history: History, numbers: range) -> None:
        board = TensorBoard(history, tmp_path)
        for number in numbers:
            history.step(step(number))
            board.step(step(number))
        board.judged({"step": numbers[-1], "J&F": 0.5})
        board.close()

    history = History(recipe)
    follow(history, range(1, 4))
    follow(history, range(2, 4))  # killed after the checkpoint of step 1
    found = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert [event.step for event in found.Scalars("train/loss")] == [1, 2, 3]
    assert {event.value for event in found.Scalars("train/loss")} == {1.25}
    assert found.Scalars("speed/samples_per_second")[0].value == 2
    assert found.Scalars("optimiser/rate")[0].value == pytest.approx(recipe.optimiser.rate)
    assert [(event.step, event.value) for event in found.Scalars("validation/J&F")] == [(3, 0.5)]


def test_tensorboard_that_is_not_installed_is_asked_for(
    recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr("masklet.train.watchers.find_spec", lambda name: None if name == "tensorboard" else find(name))
    with pytest.raises(ValueError, match=r"pip install 'masklet\[train\]'"):
        TensorBoard(History(recipe), tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (42, "42 s"), (60, "1 min"), (200, "3 min 20 s"), (18_720, "5 h 12 min"), (273_600, "3 d 4 h")],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_numbers() -> None:
    assert [percent(v) for v in (0.7123, 1.0, float("nan"))] == ["71.2", "100.0", "–"]
    assert [rate_text(v) for v in (6e-4, 3.5e-5, 0.0)] == ["6e-4", "3.5e-5", "0"]
    assert [loss_text(v) for v in (0.03123, 1.2, 348.2, 0.0, 1234.0)] == ["0.0312", "1.2", "348", "0", "1234"]
    assert [axis_percent(v) for v in (0.5, 0.713)] == ["50", "71.3"]
    assert [rough_duration(v) for v in (5, 192, 7200)] == [("5.0", "seconds"), ("3.2", "minutes"), ("2.0", "hours")]
