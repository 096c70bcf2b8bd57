"""`masklet evaluate images`, `speed` and `robustness`, as a person would run them."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from masklet.cli.evaluate_more import ALL_DAMAGE
from masklet.data.corruptions import CORRUPTIONS
from masklet.data.disappearance import DISAPPEARANCES
from masklet.media import write_image

Cli = Callable[..., tuple[int, str, str]]


@pytest.fixture
def stills(tmp_path: Path) -> Path:
    """Three pictures, each with two objects."""
    root = tmp_path / "stills"
    for index in range(3):
        picture, labels = np.zeros((48, 64, 3), np.uint8), np.zeros((48, 64), np.uint8)
        for number, (x, size) in enumerate(((4, 12 + index), (40, 20)), start=1):
            picture[10 : 10 + size, x : x + size], labels[10 : 10 + size, x : x + size] = 80 * number, number
        for folder, array in (("images", picture), ("masks", labels)):
            (root / folder).mkdir(parents=True, exist_ok=True)
            write_image(root / folder / f"{index}.png", array)
    return root


@pytest.fixture
def videos(tmp_path: Path) -> Path:
    """Two videos of six frames with a moving square."""
    root = tmp_path / "videos"
    for name, value in (("a", 200), ("b", 120)):
        for index in range(6):
            labels = np.zeros((48, 64), np.uint8)
            labels[12:28, 8 + 3 * index : 24 + 3 * index] = 1
            for folder, array in (("JPEGImages", np.repeat(labels[..., None] * value, 3, 2)), ("Annotations", labels)):
                (root / folder / name).mkdir(parents=True, exist_ok=True)
                write_image(root / folder / name / f"{index:05d}.png", array)
    return root


def figures(folder: Path) -> dict[tuple[str, str], dict[str, Any]]:
    found = json.loads((folder / "results.json").read_text())["figures"]
    return {(figure["setting"], figure["metric"]): figure for figure in found}


def test_images(cli: Cli, stills: Path, weights: Path, tmp_path: Path) -> None:
    words = ("evaluate", "images", stills, "--predictor", f"mine={weights}", "--device", "cpu", "-o", tmp_path / "run")
    options = ("--clicks", 2, "--noc", 3, "--everything", 1, "--points-per-side", 2)
    code, out, error = cli(*words, *options)
    assert (code, error) == (0, "")
    assert "mine" in out
    found = figures(tmp_path / "run")
    assert {setting for setting, _ in found} == {"click-1", "click-2", "box", "clicks", "everything-1000"}
    assert {figure["predictor"] for figure in found.values()} == {"mine"}
    assert found["click-2", "iou"]["count"] == found["clicks", "NoC@90"]["count"] == 6
    assert found["everything-1000", "AR"]["count"] == 2
    code, _, error = cli(*words, *options)
    assert code == 2
    assert "holds a run already" in error


def test_images_of_videos_without_what_takes_time(cli: Cli, videos: Path, weights: Path, tmp_path: Path) -> None:
    words = ("evaluate", "images", videos, "--predictor", weights, "--device", "cpu", "-o", tmp_path / "run")
    code, _, error = cli(*words, "--pictures", 4, "--noc", 0, "--everything", 0, "--clicks", 1)
    assert (code, error) == (0, "")
    found = figures(tmp_path / "run")
    assert {setting for setting, _ in found} == {"click-1", "box"}
    assert found["box", "iou"]["count"] == 4
    sequences = json.loads((tmp_path / "run" / "manifest.json").read_text())["sequences"]
    assert {name: entry["files"] for name, entry in sequences.items()} == {"a": 12, "b": 12}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--predictor", "copy"), "copy carries masks from frame to frame: images are segmented by models only"),
        (("--noc", 2), "noc_limit is at least the 5 clicks that are made, got 2"),
        (("--objects", 0), "objects is at least 1, got 0"),
        (("--split", "val"), "image sets have no splits"),
        (("--layout", "pascal"), "layout must be auto or one of"),
    ],
)
def test_images_refused(cli: Cli, stills: Path, tmp_path: Path, words: tuple[object, ...], message: str) -> None:
    code, _, error = cli("evaluate", "images", stills, "-o", tmp_path / "run", *words)
    assert code == 2
    assert message in error
    assert len(error.splitlines()) == 1


def test_speed_needs_no_data(cli: Cli, tmp_path: Path) -> None:
    short = ("--frames", 2, "--warm-up", 1, "--runs", 1, "--height", 48, "--width", 64)
    words = ("evaluate", "speed", "--predictor", "copy", "--objects", 2, *short, "-o", tmp_path / "run")
    code, out, error = cli(*words)
    assert (code, error) == (0, "")
    assert "objects-2" in out
    with (tmp_path / "run" / "timings.csv").open() as file:
        rows = {(row["setting"], row["sequence"], row["metric"]): float(row["value"]) for row in csv.DictReader(file)}
    assert set(rows) == {("objects-2", "drawn-64x48", metric) for metric in ("frames_per_second", "memory_mb")}
    assert min(rows.values()) > 0


def test_robustness(cli: Cli, videos: Path, tmp_path: Path) -> None:
    words = ("evaluate", "robustness", videos, "--predictor", "copy", "--predictor", "flow", "-o", tmp_path / "run")
    damage = ("--corruption", "dropped", "--corruption", "shot-cuts", "--severity", 3, "--severity", 1)
    code, out, error = cli(*words, *damage)
    assert (code, error) == (0, "")
    assert "shot-cuts-3" in out
    found = figures(tmp_path / "run")
    damaged = {"dropped-1", "dropped-3", "shot-cuts-1", "shot-cuts-3"}
    assert {setting for setting, metric in found if metric == "J&F"} == {"clean", *damaged}
    assert {setting for setting, metric in found if metric == "drop"} == damaged
    assert {setting for setting, metric in found if metric == "false_alarm"} == {"shot-cuts-1", "shot-cuts-3"}
    code, _, error = cli("evaluate", "--manifest", tmp_path / "run" / "manifest.json", "-o", tmp_path / "again")
    assert (code, error) == (0, "")
    assert (tmp_path / "again" / "results.csv").read_bytes() == (tmp_path / "run" / "results.csv").read_bytes()


def test_every_kind_of_damage_can_be_asked_for() -> None:
    assert {f"{kind}-{level}" for kind in ALL_DAMAGE for level in (1, 2, 3)} == {*CORRUPTIONS, *DISAPPEARANCES}


def test_cuts_need_a_second_video(cli: Cli, videos: Path, tmp_path: Path) -> None:
    alone = tmp_path / "alone"
    for folder in ("JPEGImages", "Annotations"):
        (alone / folder).mkdir(parents=True)
        (videos / folder / "a").rename(alone / folder / "a")
    words = ("evaluate", "robustness", alone, "--predictor", "copy", "-o", tmp_path / "run")
    code, _, error = cli(*words)
    assert code == 2
    assert "shot-cuts-2 shows another video, but there is only a" in error
    code, _, error = cli(*words, "--corruption", "blur", "--limit", 4)
    assert (code, error) == (0, "")
    assert ("blur-2-first-4", "drop") in figures(tmp_path / "run")
