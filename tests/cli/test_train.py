"""`masklet train` as people run it: a tiny model, squares that move."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from masklet.cli.planning import planned, printed
from masklet.cli.training import data_set
from masklet.data.savideo import SavClip
from masklet.data.sources import Collection
from masklet.model import checkpoints
from masklet.model.configs import NANO, ReadoutConfig
from masklet.model.sam2 import build
from masklet.train.ahead import ahead
from masklet.train.config import Recipe
from masklet.train.recipes import RECIPES
from masklet.train.settings import arguments, override

Cli = Callable[..., tuple[int, str, str]]
SHORT = ["steps=4", "size=64", "clips=2", "length=3", "stills=2", "objects=2", "save_every=2"]


def frame(random: np.random.Generator, at: int, size: int = 72) -> tuple[np.ndarray, np.ndarray]:
    """A bright square at x = `at`, and its mask (1)."""
    picture = random.integers(0, 80, (size, size, 3), dtype=np.uint8)
    mask = np.zeros((size, size), np.uint8)
    picture[20:44, at : at + 24] = (230, 200, 60)
    mask[20:44, at : at + 24] = 1
    return picture, mask


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`stills/squares` (pictures and masks), `clips` (DAVIS-like) and, apart from them, `held-out` clips."""
    root = tmp_path_factory.mktemp("data")
    random = np.random.default_rng(0)
    squares = root / "train" / "stills" / "squares"
    for name in ("images", "masks"):
        (squares / name).mkdir(parents=True)
    for number in range(6):
        picture, mask = frame(random, 6 * number)
        Image.fromarray(picture).save(squares / "images" / f"{number}.jpg", quality=95)
        Image.fromarray(mask * 255).save(squares / "masks" / f"{number}.png")
    (squares / "LICENSE").write_text("\nPublic domain squares\nwithout any warranty\n")
    for place, count in (("train/clips", 2), ("held-out", 3)):
        for clip in range(count):
            for kind in ("JPEGImages", "Annotations"):
                (root / place / kind / f"clip{clip}").mkdir(parents=True)
            for number in range(6):
                picture, mask = frame(random, 2 + 6 * number + clip)
                stem = f"{place}/{{}}/clip{clip}/{number:05d}"
                Image.fromarray(picture).save(root / f"{stem.format('JPEGImages')}.jpg", quality=95)
                labels = Image.fromarray(mask, "P")
                labels.putpalette([0, 0, 0, 128, 0, 0])
                labels.save(root / f"{stem.format('Annotations')}.png")
    return root


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of random weights that is trained in no time."""
    torch.manual_seed(0)
    config = replace(
        NANO,
        name="tiny",
        image_size=64,
        d_model=64,
        memory_dim=32,
        mask_channels=(2, 4, 8, 16),
        readout=ReadoutConfig(key_dim=8),
    )
    path = tmp_path_factory.mktemp("start") / "tiny.safetensors"
    checkpoints.save(build(config), path)
    return path


def words(data: Path, run: Path, start: Path, *more: object, changes: list[str] = SHORT) -> list[object]:
    said = [word for change in changes for word in ("--set", change)]
    device = () if "--device" in more else ("--device", "cpu")
    return ["train", "finetune", data / "train", run, "--start", start, *device, *said, *more]


def losses(run: Path) -> list[float]:
    found = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    return [record["loss"] for record in found if "loss" in record]


def test_a_run_leaves_weights_page_and_card(cli: Cli, data: Path, start: Path, tmp_path: Path) -> None:
    validation = ("--validate", data / "held-out", "--validate-clips", 2, "--validate-frames", 3, "--set")
    last = ("validation.every=2", "--validate-pictures", 3)
    code, out, err = cli(*words(data, tmp_path, start, *validation, *last, "--limit", "No hats."))
    assert (code, err.count("J&F")) == (0, 3)  # two validations, and the last line
    assert "4 steps, " in out
    for name in ("best.safetensors", "weights.safetensors", "page.html", "card.md"):
        assert str(tmp_path / name) in out
    assert checkpoints.load(tmp_path / "weights.safetensors").config.name == "tiny"
    assert checkpoints.load(tmp_path / "best.safetensors").config.image_size == 64
    validations = [
        record["validation"]
        for line in (tmp_path / "log.jsonl").read_text().splitlines()
        if "validation" in (record := json.loads(line))
    ]
    assert [list(figures) for figures in validations] == [["J&F", "click-1 mIoU", "click-5 mIoU"]] * 2
    assert all(0 <= value <= 1 for figures in validations for value in figures.values())
    card = (tmp_path / "card.md").read_text()
    assert "| squares | 6 pictures | Public domain squares |" in card
    assert "| clips | 2 clips, 12 annotated frames | not stated |" in card
    assert "On 2 clips (at most 3 frames each) and 3 pictures (4 largest objects each) of held-out" in card
    assert "* No hats." in card
    page = (tmp_path / "page.html").read_text()
    assert page.count("data:image/jpeg;base64") == 5
    assert "finished, 4 steps" in page
    assert 'http-equiv="refresh"' not in page
    code, out, _ = cli(*words(data, tmp_path, start, *validation, *last))
    assert code == 0
    assert "all 4 steps were made before" in out
    assert (tmp_path / "page.html").read_text().count("data:image/jpeg;base64") == 5  # pictures are kept


def test_workers_change_nothing(
    cli: Cli, data: Path, start: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sources of `strong`, which are made of the most parts, travel to processes."""
    asked: list[int] = []

    def noted(*given: object, workers: int) -> object:
        asked.append(workers)
        return ahead(*given, workers=workers)  # pyright: ignore[reportArgumentType] (passed on as they came)

    monkeypatch.setattr("masklet.train.loop.ahead", noted)
    for workers in (0, 2):
        run = tmp_path / str(workers)
        code, _, err = cli(*words(data, run, start, "--augmentation", "strong", "--workers", workers))
        assert code == 0, err
    assert asked == [0, 2]
    assert losses(tmp_path / "2") == losses(tmp_path / "0")


def test_no_clip_is_opened_for_the_card(tmp_path: Path) -> None:
    clips = [SavClip(tmp_path / f"{number}.mp4", (tmp_path / f"{number}_auto.json",)) for number in range(2)]
    with pytest.raises(FileNotFoundError):
        len(clips[0])
    assert data_set(tmp_path, Collection(name="many", clips=clips)).used == "2 clips"
    assert data_set(tmp_path, Collection(name="few", clips=clips, lengths=(3, 4))).used == "2 clips, 7 annotated frames"


@pytest.mark.slow
def test_the_same_command_goes_on_with_a_killed_run(cli: Cli, data: Path, start: Path, tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    longer = [*SHORT[1:], "steps=14"]
    assert cli(*words(data, whole, start, changes=longer))[0] == 0
    command = [sys.executable, "-c", "import sys; from masklet.cli.main import main; sys.exit(main(sys.argv[1:]))"]
    command += [str(word) for word in words(data, killed, start, changes=longer)]

    def interrupted(number: signal.Signals, after: int) -> subprocess.Popen[str]:
        log = killed / "log.jsonl"
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            deadline = time.monotonic() + 120
            while not (log.is_file() and len(log.read_text().splitlines()) >= after):
                assert process.poll() is None, process.communicate()
                assert time.monotonic() < deadline
                time.sleep(0.02)
            process.send_signal(number)
            process.wait(60)
        finally:
            process.kill()
        return process

    interrupted(signal.SIGKILL, 3)
    stopped = interrupted(signal.SIGINT, len(losses(killed)) + 2)
    assert stopped.returncode == 130
    assert stopped.stdout is not None
    said = re.search(r"stopped after step (\d+) of 14, saved; the same command goes on", stopped.stdout.read())
    assert said
    made = int(said[1])
    assert torch.load(killed / "last.pt", weights_only=True)["step"] == made < 14
    assert "stopped after" in (killed / "page.html").read_text()
    assert f"The run is not at its end: {made} of 14 steps were made." in (killed / "card.md").read_text()
    assert cli(*words(data, killed, start, changes=longer))[0] == 0
    steps = {
        r["step"]: r["loss"] for line in (killed / "log.jsonl").read_text().splitlines() if (r := json.loads(line))
    }
    assert [steps[number] for number in range(1, 15)] == losses(whole)


def test_a_run_from_before_there_was_a_setting_goes_on(cli: Cli, data: Path, start: Path, tmp_path: Path) -> None:
    """As what the setting is by itself, and only so."""
    assert cli(*words(data, tmp_path, start))[0] == 0
    path = tmp_path / "recipe.json"
    known = json.loads(path.read_text())
    assert known.pop("dropout") == 0
    path.write_text(json.dumps(known))
    code, _, err = cli(*words(data, tmp_path, start, "--set", "dropout=0.1"))
    assert code == 2
    assert "dropout is 0.0 there and 0.1 here" in err
    code, _, err = cli(*words(data, tmp_path, start))
    assert code == 0, err
    assert json.loads(path.read_text())["dropout"] == 0


def test_a_run_of_another_recipe_is_refused(cli: Cli, data: Path, start: Path, tmp_path: Path) -> None:
    assert cli(*words(data, tmp_path, start))[0] == 0
    before = (tmp_path / "recipe.json").read_text()
    code, _, err = cli(*words(data, tmp_path, start, "--set", "optimiser.rate=0.1", "--set", "seed=2"))
    assert code == 2
    assert (
        "holds a run of another recipe: optimiser.rate is 0.0002 there and 0.1 here, seed is 1 there and 2 here" in err
    )
    code, _, err = cli(*words(data, tmp_path, start, "--augmentation", "plain"))
    assert code == 2
    assert "data.augmentation is published there and plain here" in err
    assert (tmp_path / "recipe.json").read_text() == before
    (tmp_path / "recipe.json").unlink()
    assert "holds a run, but no recipe.json" in cli(*words(data, tmp_path, start))[2]


def test_a_run_may_be_lengthened_and_saved_more_often(cli: Cli, data: Path, start: Path, tmp_path: Path) -> None:
    assert cli(*words(data, tmp_path, start))[0] == 0
    code, out, _ = cli(*words(data, tmp_path, start, "--set", "stages.0.steps=6", "--set", "save_every=1"))
    assert code == 0
    assert "6 steps, " in out
    assert len(losses(tmp_path)) == 6
    assert json.loads((tmp_path / "recipe.json").read_text())["stages.0.steps"] == 6


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--validate", "nowhere"), "nowhere: no such file or folder"),
        (("--set", "steps=many"), "steps: expected a whole number, got 'many'"),
        (("--set", "step=3"), "there is no setting step; finetune takes size, steps,"),
        (("--device", "tpu"), "cannot use the device 'tpu'"),
        (("--ratio", "squares"), "expected a ratio of the form NAME=NUMBER, got 'squares'"),
        (("--ratio", "circles=2"), "a ratio is given for 'circles', but the data sets are squares, clips"),
        (("--trunk", "lite0.pth"), "expected a model to start from or a trunk, got"),
        (("--workers", "-1"), "--workers is 0 or more, got -1"),
        (("--validate-frames", "1"), "expected at least 2 frames to validate on, got 1"),
    ],
)
def test_wrong_words_are_one_line(
    cli: Cli, data: Path, start: Path, tmp_path: Path, more: tuple[str, ...], message: str
) -> None:
    code, _, err = cli(*words(data, tmp_path / "run", start, *more))
    assert code == 2
    assert message in err
    assert len(err.strip().splitlines()) == 1


def test_missing_data_recipe_model_and_words(cli: Cli, data: Path, start: Path, tmp_path: Path) -> None:
    assert "no recipe is called 'magic'; recipes: mae, image" in cli("train", "magic", data, tmp_path)[2]
    assert "expected masklet train nano DATA RUN" in cli("train", "nano")[2]
    assert f"{tmp_path / 'nothing'}: no such file or folder" in cli("train", "nano", tmp_path / "nothing", tmp_path)[2]
    code, _, err = cli("train", "nano", data / "train", tmp_path, "--set", f"start={start}")
    assert code == 2
    assert "does not fit nano" in err
    assert not (tmp_path / "last.pt").exists()
    code, _, err = cli("train", "finetune", data / "train", tmp_path, "--start", tmp_path / "none.pt")
    assert code == 2
    assert f"no checkpoint at {tmp_path / 'none.pt'}" in err


def test_the_watched_figure_has_to_be_measured(cli: Cli, data: Path, start: Path, tmp_path: Path) -> None:
    few = ("--validate", data / "held-out", "--validate-frames", 3, "--validate-clips", 0, "--validate-pictures")
    assert cli(*words(data, tmp_path, start, *few, 2))[0] == 0
    assert json.loads((tmp_path / "recipe.json").read_text())["validation.watch"] == "click-1 mIoU"
    code, _, err = cli(*words(data, tmp_path, start, *few, 2, "--set", "validation.watch=speed"))
    assert code == 2
    assert "validation.watch is 'speed', but the figures will be click-1 mIoU, click-5 mIoU" in err
    code, _, err = cli(*words(data, tmp_path, start, *few, 0))
    assert code == 2
    assert "nothing to validate on" in err


def test_a_run_that_gets_no_better_ends(cli: Cli, data: Path, start: Path, tmp_path: Path) -> None:
    rules = (
        "--set",
        "validation.every=1",
        "--set",
        "validation.patience=1",
        "--set",
        "rate=0",
        "--set",
        "trunk_rate=0",
    )
    few = ("--validate", data / "held-out", "--validate-clips", 1, "--validate-frames", 2, "--validate-pictures", 0)
    for _ in range(2):  # a finished run says so again
        code, out, _ = cli(*words(data, tmp_path, start, *few, *rules))
        assert code == 0
        assert "ended after 2 of 4 steps: no better J&F any more" in out
    assert "ended after 2 of 4 steps" in (tmp_path / "page.html").read_text()


def test_a_loss_that_is_not_finite_ends_the_run(cli: Cli, data: Path, start: Path, tmp_path: Path) -> None:
    code, _, err = cli(*words(data, tmp_path, start, "--set", "rate=1e30", "--set", "trunk_rate=1e30"))
    assert code == 2
    assert "the loss is not finite" in err
    assert "A lower rate may help" in err


@pytest.mark.parametrize("room", [400_000, 600_000, 1_000_000])  # torch says it in several ways, by where it is full
def test_a_full_disk_is_one_line(cli: Cli, data: Path, start: Path, tmp_path: Path, room: int) -> None:
    resource = pytest.importorskip("resource")
    before, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        code, _, err = cli(*words(data, tmp_path, start))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert code == 2
    assert f"{tmp_path / 'last.pt'}: file too large" in err
    assert len(err.strip().splitlines()) == 1


def test_two_processes_make_one_run(data: Path, start: Path, tmp_path: Path) -> None:
    torchrun = Path(sys.executable).with_name("torchrun")
    masklet = shutil.which("masklet", path=str(Path(sys.executable).parent))
    if not torchrun.is_file() or masklet is None:
        pytest.skip("needs torchrun and masklet as commands")
    command = [torchrun, "--nproc-per-node=2", "--master-port=29547", "--no-python", "--", masklet]
    command += words(
        data, tmp_path, start, "--validate", data / "held-out", "--validate-clips", 1, "--validate-frames", 2
    )
    done = subprocess.run(
        [str(word) for word in command],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("4 steps, ") == 1
    assert len(losses(tmp_path)) == 4
    assert re.search(r"\| machine \| 2 x \d+ threads of", (tmp_path / "card.md").read_text())


def test_every_recipe_can_be_shown(cli: Cli) -> None:
    for name in RECIPES:
        code, out, _ = cli("train", name, "--print")
        assert code == 0
        assert f"name = {name}" in out
    code, out, _ = cli("train", "--help")
    assert code == 0
    assert all(re.search(rf"^ *{name} {{2,}}", out, re.MULTILINE) for name in RECIPES)


def test_a_printed_recipe_is_the_recipe(cli: Cli) -> None:
    words = ("train", "nano", "--set", "stages.*.steps=7", "--print")
    plan = planned("nano", ["stages.*.steps=7"])
    _, out, _ = cli(*words)
    lines = [line.partition("  # ")[0].strip() for line in out.splitlines() if " = " in line and line[0] != "#"]
    assert override(RECIPES["nano"](), [line.replace(" = ", "=", 1) for line in lines]) == plan
    assert "stages.0.steps = 7 " in out
    assert json.loads(cli(*words, "--format", "json")[1])["stages.1.steps"] == 7
    code = cli(*words, "--format", "python")[1]
    names: dict[str, object] = {}
    exec("from masklet.train.config import *\nfrom masklet.model.configs import *", names)
    assert eval(code, names) == plan


def test_what_a_recipe_starts_from(start: Path) -> None:
    def shows(recipe: Recipe) -> tuple[str | None, str]:
        return recipe.start, recipe.model.name

    assert shows(planned("finetune", [], start=str(start))) == (str(start), "tiny")
    assert shows(planned("nano", [], start="nano")) == ("nano", "nano")
    assert shows(planned("video", ["model=nano"], start="nano")) == ("nano", "nano")
    assert planned("nano", [], judged=True).validation is not None
    assert planned("nano", []).validation is None
    assert planned("finetune", ["validation.every=7"], judged=True).validation.every == 7  # pyright: ignore


def test_arguments_are_listed_with_a_recipe() -> None:
    text = printed("finetune", planned("finetune", []), "settings")
    assert all(f"# {name} = " in text for name in arguments(RECIPES["finetune"]))


def test_pictures_without_masks_are_for_mae(cli: Cli, data: Path, tmp_path: Path) -> None:
    photographs = data / "train" / "stills" / "squares" / "images"
    changes = [f"--set={change}" for change in ("model=nano", "size=64", "steps=2", "pictures=2", "precision=float32")]
    run = tmp_path / "run"
    code, out, err = cli("train", "mae", photographs, run, "--device", "cpu", *changes)
    assert code == 0, err
    assert "2 steps, " in out
    assert len(losses(run)) == 2
    assert "| images | 6 pictures without masks | not stated |" in (run / "card.md").read_text()
    assert json.loads((run / "recipe.json").read_text())["data.augmentation"] == "cropped"
    code, _, err = cli("train", "image", photographs, tmp_path / "other", "--device", "cpu", "--set", "model=nano")
    assert code == 2
    assert f"{photographs}: pictures without masks, which only the recipe mae learns from; image needs" in err
    assert not (tmp_path / "other").exists()


def test_archives_without_masks_are_for_mae(cli: Cli, data: Path, tmp_path: Path) -> None:
    """Their pictures teach what they teach from their folder."""
    photographs, shards = data / "train" / "stills" / "squares" / "images", tmp_path / "shards"
    assert cli("data", "pack", photographs, "-o", shards)[0] == 0
    changes = [f"--set={change}" for change in ("model=nano", "size=64", "steps=1", "pictures=2", "precision=float32")]
    for name, source in (("folder", photographs), ("archives", shards)):
        code, _, err = cli("train", "mae", source, tmp_path / name, "--device", "cpu", *changes)
        assert code == 0, err
    assert losses(tmp_path / "archives") == losses(tmp_path / "folder")
    code, _, err = cli("train", "image", shards, tmp_path / "other", "--device", "cpu", "--set", "model=nano")
    assert code == 2
    assert f"{shards}: pictures without masks, which only the recipe mae learns from; image needs" in err
