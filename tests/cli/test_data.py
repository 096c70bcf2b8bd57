"""`masklet data`: what is listed, drawn and packed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from masklet.cli.samples import draw_samples, prompts_of, sample_sheet
from masklet.data.samples import Sample, Sources
from masklet.masks.palette import davis_palette
from masklet.media import read_image

Cli = Callable[..., tuple[int, str, str]]


class Moving:
    """A bright square that moves over a dark ground; named by what it stands for."""

    def __init__(self, name: str) -> None:
        self.name = name

    def sample(self, rng: np.random.Generator, length: int, size: int, objects: int) -> Sample:
        frames = rng.integers(0, 60, (length, size, size, 3), dtype=np.uint8)
        masks = np.zeros((objects, length, size, size), bool)
        for number in range(objects):
            for t in range(length):
                masks[number, t, 8 : 8 + size // 4, 4 * t + 20 * number : 4 * t + 20 * number + size // 4] = True
        return Sample(frames=frames, masks=masks, source=f"{self.name}/one")


@pytest.fixture
def sources() -> Sources:
    return Sources(stills=Moving("pictures"), synthetic=Moving("made"), real=Moving("filmed"))


@pytest.fixture
def films(tmp_path: Path) -> Path:
    """Two clips of six frames with two objects."""
    root = tmp_path / "films"
    for name in ("dog", "cat"):
        for part in ("JPEGImages", "Annotations"):
            (root / part / name).mkdir(parents=True)
        for t in range(6):
            labels = np.zeros((60, 80), np.uint8)
            labels[10:30, 5 + 3 * t : 25 + 3 * t] = 1
            labels[40:55, 50:70] = 2
            Image.fromarray(labels * 60).convert("RGB").save(root / "JPEGImages" / name / f"{t:05d}.jpg")
            mask = Image.fromarray(labels)
            mask.putpalette(davis_palette().tobytes())
            mask.save(root / "Annotations" / name / f"{t:05d}.png")
    return root


def test_kinds_take_turns_and_stay_together(sources: Sources) -> None:
    drawn = draw_samples(sources, ["stills", "real"], 5, length=3, size=64, objects=2, seed=1)
    assert [kind for kind, _ in drawn] == ["stills"] * 3 + ["real"] * 2
    assert [len(sample.frames) for _, sample in drawn] == [1, 1, 1, 3, 3]
    assert [sample.source for _, sample in drawn][2:4] == ["pictures/one", "filmed/one"]
    again = draw_samples(sources, ["stills", "real"], 5, length=3, size=64, objects=2, seed=1)
    assert all(np.array_equal(a.frames, b.frames) for (_, a), (_, b) in zip(drawn, again, strict=True))


def test_prompts_are_those_of_training(sources: Sources) -> None:
    sample = sources.real.sample(np.random.default_rng(0), 2, 64, 2)
    for seed in range(10):
        prompts = prompts_of(sample, np.random.default_rng(seed))
        assert [prompt["object"] for prompt in prompts] == [1, 2]
        for mask, prompt in zip(sample.masks[:, 0], prompts, strict=True):
            [(x, y)] = prompt["points"]
            assert mask[round(y), round(x)]  # a click on its object
            rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
            truth = (columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)
            assert prompt["box"] == pytest.approx(truth, abs=0.1 * 16 + 0.01)  # noise of a tenth of the side


def test_an_object_too_small_for_a_prompt_has_none() -> None:
    masks = np.zeros((1, 1, 64, 64), bool)
    masks[0, 0, 5, 5] = True
    sample = Sample(frames=np.zeros((1, 64, 64, 3), np.uint8), masks=masks, source="speck")
    assert prompts_of(sample, np.random.default_rng(0)) == []


def test_a_sheet_shows_every_sample(sources: Sources) -> None:
    clips = draw_samples(sources, ["real"], 3, length=4, size=256, objects=1, seed=1)
    stills = draw_samples(sources, ["stills"], 4, length=4, size=256, objects=1, seed=1)
    one, all_clips = sample_sheet(clips[:1], 1), sample_sheet(clips, 1)
    assert all_clips.shape[0] == 3 * one.shape[0]  # one below the other
    assert sample_sheet(stills, 1).shape[0] == sample_sheet(stills[:1], 1).shape[0]  # side by side
    both = sample_sheet([*stills, *clips], 1)
    assert both.shape[0] == 4 * one.shape[0]
    tinted = (all_clips.max(axis=2).astype(int) - all_clips.min(axis=2)) > 60  # frames are grey, masks are coloured
    for top in range(0, len(all_clips), len(one)):
        assert tinted[top : top + len(one)].sum() > 4 * 0.5 * 64 * 64


def test_show_lists_and_draws(cli: Cli, films: Path, tmp_path: Path) -> None:
    code, out, _ = cli("data", "show", films)
    assert code == 0
    assert out.split() == ["data", "set", "pictures", "clips", "films", "-", "2"]
    sheet = tmp_path / "sheet.png"
    words = ("data", "show", films, "-o", sheet, "--count", 4, "--length", 3, "--size", 64)
    assert cli(*words)[0] == 0
    picture = read_image(sheet)
    assert cli(*words)[0] == 0
    assert np.array_equal(read_image(sheet), picture)
    assert cli(*words, "--seed", 2)[0] == 0
    assert not np.array_equal(read_image(sheet), picture)
    assert cli(*words, "--kind", "real", "--augmentation", "strong")[0] == 0
    assert read_image(sheet).shape[1] > picture.shape[1]  # four clips side by side, no still among them


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--count", 0), "--count is 1 or more, got 0"),
        (("--size", 30), "--size is 32 or more, got 30"),
        (("--size", 65), "--size is a multiple of 4, got 65"),
        (("--layout", "cocoa"), "layout must be auto or one of"),
        (("--length", 9, "--kind", "real"), "has 9 annotated frames; the longest has 6"),
        (("--kind", "filmed"), "filmed"),
    ],
)
def test_show_refuses(cli: Cli, films: Path, tmp_path: Path, words: tuple[object, ...], message: str) -> None:
    code, _, err = cli("data", "show", films, "-o", tmp_path / "sheet.png", *words)
    assert code == 2
    assert message in err
    assert not (tmp_path / "sheet.png").exists()


def test_pictures_have_no_filmed_clips(cli: Cli, tmp_path: Path) -> None:
    for part, value in (("images", 200), ("masks", 1)):
        (tmp_path / part).mkdir()
        pixels = np.zeros((40, 40), np.uint8)
        pixels[10:30, 10:30] = value
        Image.fromarray(pixels).save(tmp_path / part / "a.png")
    assert cli("data", "show", tmp_path, "-o", tmp_path / "sheet.png", "--count", 2, "--size", 64)[0] == 0
    code, _, err = cli("data", "show", tmp_path, "-o", tmp_path / "sheet.png", "--kind", "real")
    assert code == 2
    assert "has no filmed clips (real), only pictures" in err


def test_pictures_without_masks_are_shown_as_they_are(cli: Cli, tmp_path: Path) -> None:
    photographs = tmp_path / "photographs"
    photographs.mkdir()
    Image.fromarray(np.full((40, 50, 3), (20, 200, 20), np.uint8)).save(photographs / "a.png")
    sheet = tmp_path / "sheet.png"
    words = ("data", "show", photographs, "-o", sheet, "--count", 2, "--size", 64, "--augmentation", "cropped")
    code, out, _ = cli(*words)
    assert code == 0
    assert out.split()[4:7] == ["photographs", "1", "-"]
    assert (read_image(sheet) == (20, 200, 20)).all(axis=2).mean() > 0.05
    code, _, err = cli(*words, "--kind", "synthetic")
    assert code == 2
    assert "no clips are made from pictures without masks" in err


def test_nothing_there(cli: Cli, tmp_path: Path) -> None:
    code, _, err = cli("data", "show", tmp_path)
    assert code == 2
    assert "no known layout in it; looked for *.tar (shards)" in " ".join(err.split())


def test_packed_data_draws_the_same_samples(cli: Cli, films: Path, tmp_path: Path) -> None:
    shards = tmp_path / "shards"
    code, out, _ = cli("data", "pack", films, "-o", shards, "--samples", 1)
    assert code == 0
    assert "2 archives" in out
    sheets: list[np.ndarray] = []
    for data in (films, shards):
        words = ("--count", 3, "--kind", "real", "--size", 64, "--length", 3, "-o", tmp_path / "sheet.png")
        assert cli("data", "show", data, *words)[0] == 0
        sheets.append(read_image(tmp_path / "sheet.png"))
    below = slice(40, 150)  # the titles name where the sample came from
    assert np.array_equal(sheets[0][below], sheets[1][below])
    code, _, err = cli("data", "pack", films, "-o", shards)
    assert code == 2
    assert "holds archives already" in err


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """Three pictures without masks."""
    folder = tmp_path / "photographs"
    folder.mkdir()
    for number in range(3):
        Image.fromarray(np.full((40, 50, 3), (20, 60 * number, 200), np.uint8)).save(folder / f"{number}.jpg")
    return folder


def test_pictures_without_masks_are_packed(cli: Cli, photographs: Path, tmp_path: Path) -> None:
    code, out, _ = cli("data", "pack", photographs, "-o", tmp_path / "shards", "--samples", 2)
    assert code == 0
    assert "2 archives" in out
    sheets: list[np.ndarray] = []
    for data in (photographs, tmp_path / "shards"):
        words = ("--count", 6, "--size", 64, "-o", tmp_path / "sheet.png")
        code, out, _ = cli("data", "show", data, *words)
        assert code == 0
        assert out.split()[4:7] == [data.name, "3", "-"]
        sheets.append(read_image(tmp_path / "sheet.png"))
    below = slice(40, 250)  # the titles name where the sample came from
    assert np.array_equal(sheets[0][below], sheets[1][below])


def test_a_project_is_packed_as_one(cli: Cli, films: Path, photographs: Path, tmp_path: Path) -> None:
    project = tmp_path / "project"
    (project / "stills" / "things" / "images").mkdir(parents=True)
    (project / "stills" / "things" / "masks").mkdir()
    for part in ("images", "masks"):
        pixels = np.zeros((40, 40), np.uint8)
        pixels[10:30, 10:30] = 1
        Image.fromarray(pixels).save(project / "stills" / "things" / part / "a.png")
    photographs.rename(project / "stills" / "web")
    films.rename(project / "clips")
    listed = cli("data", "show", project)[1]
    assert cli("data", "pack", project, "-o", tmp_path / "packed", "--short-side", 32)[0] == 0
    assert cli("data", "show", tmp_path / "packed")[1] == listed
    assert (tmp_path / "packed" / "stills" / "things" / "shard-00000.tar").is_file()
    assert (tmp_path / "packed" / "stills" / "web" / "shard-00000.tar").is_file()
    assert (tmp_path / "packed" / "clips" / "shard-00000.tar").is_file()
