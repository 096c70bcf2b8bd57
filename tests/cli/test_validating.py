"""Validation measures what `masklet evaluate` measures."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from masklet.cli.validating import Amount, Validator, open_validation
from masklet.model import checkpoints

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three films of six frames, with two squares that move: palette masks."""
    root = tmp_path_factory.mktemp("films")
    random = np.random.default_rng(0)
    for film in "abc":
        for kind in ("JPEGImages", "Annotations"):
            (root / kind / film).mkdir(parents=True)
        for number in range(6):
            picture = random.integers(0, 80, (48, 64, 3), dtype=np.uint8)
            labels = np.zeros((48, 64), np.uint8)
            for index, (top, left) in enumerate(((4, 4 + 6 * number), (26, 40 - 6 * number)), 1):
                picture[top : top + 18, left : left + 18] = (90 * index, 220 - 60 * index, 90)
                labels[top : top + 18, left : left + 18] = index
            Image.fromarray(picture).save(root / "JPEGImages" / film / f"{number:05d}.jpg", quality=95)
            image = Image.fromarray(labels, "P")
            image.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0])
            image.save(root / "Annotations" / film / f"{number:05d}.png")
    return root


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory, films: Path) -> Path:
    root = tmp_path_factory.mktemp("pictures")
    for name in ("images", "masks"):
        (root / name).mkdir()
    for number in range(4):
        frame = films / "JPEGImages" / "a" / f"{number:05d}.jpg"
        (root / "images" / f"{number}.jpg").write_bytes(frame.read_bytes())
        labels = np.array(Image.open(films / "Annotations" / "a" / f"{number:05d}.png"))
        Image.fromarray(np.where(labels == 1, 255, 0).astype(np.uint8)).save(root / "masks" / f"{number}.png")
    return root


def test_figures_are_those_of_evaluate(
    films: Path, weights: Path, cli: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    validator = open_validation([films], Amount(clips=3, frames=6, pictures=18), CPU)
    found = validator(checkpoints.load(weights))
    assert list(found) == validator.names == ["J&F", "click-1 mIoU", "click-5 mIoU"]
    evaluated: dict[tuple[str, str], float] = {}
    for words in (("vos", films), ("images", films, "--clicks", 5, "--objects", 4, "--everything", 0)):
        run = tmp_path / str(words[0])
        code, _, err = cli("evaluate", *words, "--predictor", f"x={weights}", "--device", "cpu", "-o", run)
        assert code == 0, err
        results = json.loads((run / "results.json").read_text())
        evaluated |= {(figure["setting"], figure["metric"]): figure["value"] for figure in results["figures"]}
    assert found["J&F"] == pytest.approx(evaluated["mask", "J&F"])
    assert found["click-1 mIoU"] == pytest.approx(evaluated["click-1", "iou"])
    assert found["click-5 mIoU"] == pytest.approx(evaluated["click-5", "iou"])


def test_what_there_is_chooses_what_is_measured(films: Path, pictures: Path) -> None:
    def opened(*folders: Path, **amount: int) -> Validator:
        return open_validation(folders, Amount(**{"clips": 2, "frames": 4, "pictures": 3, **amount}), CPU)

    only_films = opened(films)
    assert [video.name for video in only_films.videos] == ["a", "b"]
    assert all(len(video) == 4 and max(video.scored) < 4 for video in only_films.videos)
    assert [picture.name.partition("/")[0] for picture in only_films.pictures] == ["a", "b", "c"]
    both = opened(films, pictures)
    assert {picture.path.parent.parent for picture in both.pictures} == {pictures}
    only_pictures = opened(pictures)
    assert (only_pictures.videos, only_pictures.names) == ([], ["click-1 mIoU", "click-5 mIoU"])
    assert opened(films, pictures=0).names == ["J&F"]
    assert opened(films, clips=0, pictures=0).names == []


def test_strips_show_the_last_model(films: Path, weights: Path) -> None:
    validator = open_validation([films], Amount(clips=1, frames=4, pictures=1), CPU)
    model = checkpoints.load(weights)
    validator(model)
    validator(model)
    film, picture = validator.strips
    assert film.title == "a"
    assert film.text.startswith("followed to frame 3: IoU ")
    assert "mask given, frame 0" in film.alternative
    assert picture.title == "a/00000"
    assert picture.address.startswith("data:image/jpeg;base64,")
    assert picture.width > picture.height > 100


def test_wrong_data_and_amounts(tmp_path: Path, films: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere: no such file or folder"):
        open_validation([tmp_path / "nowhere"], Amount(), CPU)
    with pytest.raises(FileNotFoundError, match="no known layout"):
        open_validation([tmp_path], Amount(), CPU)
    with pytest.raises(ValueError, match="expected at least 2 frames"):
        Amount(frames=1)
    sparse = tmp_path / "sparse"
    shutil.copytree(films, sparse)
    for path in sparse.glob("Annotations/*/0000[1-3].png"):
        path.unlink()
    with pytest.raises(ValueError, match="a: no annotated frame counts within the first 3; take more of them"):
        open_validation([sparse], Amount(frames=3), CPU)
    assert open_validation([sparse], Amount(frames=5), CPU).videos[0].scored == (4,)
