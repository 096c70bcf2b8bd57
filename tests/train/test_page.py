"""The page of a run shows its curves and pictures, and is there while the run goes on."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from masklet.export.pages import Strip
from masklet.train.config import Validation
from masklet.train.history import History
from masklet.train.page import PAGE, PageWatcher, run_page, state
from masklet.train.recipes import nano
from masklet.train.settings import override

STRIP = Strip(
    address="data:image/jpeg;base64,AAAA", alternative="a cat", width=8, height=6, title="cat", text="IoU 50 %"
)


@pytest.fixture
def history() -> History:
    plan = override(nano(), ["stages.0.steps=8", "stages.1.steps=2"])
    return History(replace(plan, validation=Validation(every=4, patience=2)))


def follow(history: History, steps: range, *watchers: PageWatcher) -> None:
    for number in steps:
        record = {"step": number, "samples": 3, "frames": 9, "size": 64, "seconds": 2.0, "waited": 0.5, "norm": 0.25}
        record |= {"loss": 1.0 / number, "dice": 0.5} | ({"tracked": 0.7} if number % 2 else {"still_first": 0.4})
        for watcher in (history, *watchers):
            watcher.step(record)
        if number % 4 == 0:
            for watcher in (history, *watchers):
                watcher.judged({"step": number, "J&F": 0.05 * number, "click-1 mIoU": 0.3})


def section(page: str, key: str) -> str:
    found = re.search(rf'<section id="{key}".*?</section>', page, re.DOTALL)
    return found[0] if found else ""


def watcher(history: History, folder: Path, **options: float) -> PageWatcher:
    return PageWatcher(history, folder, [("data", "cats <3>")], lambda: [STRIP], **options)


def test_it_shows_curves_figures_and_pictures(history: History, tmp_path: Path) -> None:
    page = watcher(history, tmp_path, every=0)
    follow(history, range(1, 9), page)
    text = (tmp_path / PAGE).read_text()
    assert "running, 8 of 10 steps" in text
    assert 'http-equiv="refresh" content="1"' in text
    assert section(text, "validation").count("<svg") == 2
    assert "J&amp;F: from 20 to 40" in section(text, "validation")
    assert section(text, "loss").count("<svg") == 2
    assert "loss: from 1 to 0.125, lowest 0.125, 8 points" in section(text, "loss")
    assert "tracked: from 70 to 70" in section(text, "answers")
    assert "first click: from 40 to 40" in section(text, "answers")
    assert "learning rate, outside of the trunk" in section(text, "optimiser")
    assert "samples (clips and stills) a second: from 1.5 to 1.5" in section(text, "speed")
    assert "waiting for samples, %: from 25 to 25" in section(text, "speed")
    assert STRIP.address in section(text, "pictures")
    assert "cats &lt;3&gt;" in text
    assert "optimiser.rate" in section(text, "manifest")
    assert re.search(r"best J&amp;F</span> <b>40\.0</b>", text)


def test_the_end_is_said_and_waits_for_nothing(history: History, tmp_path: Path) -> None:
    page = watcher(history, tmp_path)
    follow(history, range(1, 11), page)
    page.close()
    text = (tmp_path / PAGE).read_text()
    assert "finished, 10 steps" in text
    assert 'http-equiv="refresh"' not in text
    assert not re.search(r"\d (s|min) left", text)


def test_it_is_not_written_more_often_than_it_is_to(history: History, tmp_path: Path) -> None:
    page = watcher(history, tmp_path, every=1000)
    follow(history, range(1, 4), page)
    assert "running, 1 of 10 steps" in (tmp_path / PAGE).read_text()
    follow(history, range(4, 5), page)  # a validation is news
    assert "running, 4 of 10 steps" in (tmp_path / PAGE).read_text()


def test_a_run_that_goes_on_still_shows_its_pictures(history: History, tmp_path: Path) -> None:
    follow(history, range(1, 5), watcher(history, tmp_path))
    later = watcher(history, tmp_path)
    follow(history, range(5, 6), later)
    assert STRIP.address in (tmp_path / PAGE).read_text()


def test_a_run_without_steps_or_figures_has_a_page_too(history: History, tmp_path: Path) -> None:
    watcher(history, tmp_path).close()
    text = (tmp_path / PAGE).read_text()
    assert "stopped after 0 of 10 steps" in text
    assert "<svg" not in text


def test_states(history: History) -> None:
    follow(history, range(1, 5))
    assert state(history, running=False) == "stopped after 4 of 10 steps"
    for number in (5, 6):
        history.judged({"step": number, "J&F": 0.0})
    assert state(history, running=False) == "ended after 4 of 10 steps: no better figure any more"
    assert [tile.label for tile in run_page(history, [], []).tiles][:2] == ["steps", "best J&F"]
