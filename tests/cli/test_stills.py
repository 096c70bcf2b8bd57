from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from masklet.masks import Rle
from masklet.media import read_image, read_mask, write_image

Cli = Callable[..., tuple[int, str, str]]


@pytest.fixture
def picture(frames: Path) -> Path:
    return frames / "shot 2.png"


@pytest.fixture
def segment(cli: Cli, weights: Path, picture: Path) -> Cli:
    return lambda *words: cli("segment", picture, "--model", weights, "--device", "cpu", *words)


def test_one_point_offers_three_masks_best_first(segment: Cli, tmp_path: Path, picture: Path):
    code, stdout, _ = segment("--point", "24,24", "-o", tmp_path)
    assert code == 0
    result = json.loads((tmp_path / "result.json").read_text())
    scores = [mask["iou"] for mask in result["masks"]]
    assert len(scores) == 3
    assert scores == sorted(scores, reverse=True)
    best = Rle.from_coco(result["masks"][0]["segmentation"]).decode()
    np.testing.assert_array_equal(read_mask(tmp_path / "mask.png") == 255, best)
    assert result["masks"][0]["area"] == best.sum()
    assert read_image(tmp_path / "overlay.png").shape == read_image(picture).shape
    for name in ("mask.png", "overlay.png", "result.json"):
        assert str(tmp_path / name) in stdout


def test_points_box_and_mask_mix(segment: Cli, tmp_path: Path):
    rough = np.zeros((48, 64), np.uint8)
    rough[16:32, 16:32] = 255
    write_image(tmp_path / "rough.png", rough)
    words = ["--point", "24,24", "--point", "60,4,-", "--box", "10,10,40,40", "--mask", tmp_path / "rough.png"]
    assert segment(*words, "-o", tmp_path)[0] == 0
    result = json.loads((tmp_path / "result.json").read_text())
    assert len(result["masks"]) == 1
    assert result["prompt"]["labels"] == [1, 0]
    assert result["prompt"]["box"] == [10, 10, 40, 40]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "nothing to segment"),
        (["--point", "1"], "expected x,y"),
        (["--point", "-5,3"], "outside"),
        (["--point", "64.5,3"], "outside"),
        (["--box", "1,2,3"], "expected x0,y0,x1,y1"),
        (["--box", "9,9,3,3"], "reversed"),
        (["--mask", "none.png"], "none.png"),
    ],
)
def test_wrong_words(segment: Cli, tmp_path: Path, words: list[str], said: str):
    code, _, stderr = segment(*words, "-o", tmp_path / "out")
    assert code == 2
    assert said in stderr
    assert stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_mask_of_another_size_is_refused(segment: Cli, tmp_path: Path):
    write_image(tmp_path / "small.png", np.full((4, 4), 255, np.uint8))
    code, _, stderr = segment("--mask", tmp_path / "small.png", "-o", tmp_path / "out")
    assert code == 2
    assert "[48, 64]" in stderr


def test_everything_labels_each_mask(cli: Cli, weights: Path, picture: Path, tmp_path: Path):
    words = ["--points-per-side", 4, "--min-iou", 0, "--min-stability", 0]
    code, stdout, _ = cli("everything", picture, "--model", weights, "--device", "cpu", *words, "-o", tmp_path)
    assert code == 0
    result = json.loads((tmp_path / "result.json").read_text())
    masks = [Rle.from_coco(record["segmentation"]) for record in result["masks"]]
    assert masks
    assert [m.area for m in masks] == sorted((m.area for m in masks), reverse=True)
    expected = np.zeros((48, 64), int)
    for number, (record, mask) in enumerate(zip(result["masks"], masks, strict=True), start=1):
        assert record["id"] == number
        x, y, width, height = record["bbox"]
        assert mask.bbox == (x, y, x + width, y + height)
        expected[mask.decode()] = number
    with Image.open(tmp_path / "labels.png") as labels:
        assert labels.mode == "P"
        np.testing.assert_array_equal(np.asarray(labels), expected)
    assert str(tmp_path / "overlay.png") in stdout


def test_everything_may_find_nothing(cli: Cli, weights: Path, picture: Path, tmp_path: Path):
    words = ["--points-per-side", 1, "--min-iou", 1]
    code, stdout, _ = cli("everything", picture, "--model", weights, "--device", "cpu", *words, "-o", tmp_path)
    assert code == 0
    assert stdout.startswith("0 objects")
    assert not read_mask(tmp_path / "labels.png").any()


@pytest.mark.parametrize("words", [["--min-iou", "2"], ["--points-per-side", "0"], ["--crop-layers", "-1"]])
def test_everything_refuses_wrong_options(cli: Cli, weights: Path, picture: Path, tmp_path: Path, words: list[str]):
    code, _, stderr = cli("everything", picture, "--model", weights, *words, "-o", tmp_path / "out")
    assert code == 2
    assert stderr.count("\n") == 1
