"""`masklet evaluate` as a person runs it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from masklet.export.palette_png import write_palette_png
from masklet.media import write_image
from masklet.metrics import run

Cli = Callable[..., tuple[int, str, str]]
FRAMES, SIDE = 5, 64


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three videos in palette layout, in each of which a square moves."""
    root = tmp_path_factory.mktemp("data")
    ground = np.random.default_rng(0).integers(0, 90, (SIDE, SIDE, 3), dtype=np.uint8)
    for number, name in enumerate("abc"):
        for folder in ("JPEGImages", "Annotations"):
            (root / folder / name).mkdir(parents=True)
        for t in range(FRAMES):
            x = 5 + 4 * t + number
            picture, labels = ground.copy(), np.zeros((SIDE, SIDE), np.uint8)
            picture[20:40, x : x + 20] = (230, 200, 60)
            labels[20:40, x : x + 20] = 1
            write_image(root / "JPEGImages" / name / f"{t:05d}.jpg", picture)
            write_palette_png(root / "Annotations" / name / f"{t:05d}.png", labels)
    return root


def figures(folder: Path) -> dict[tuple[str, str, str], float]:
    record = json.loads((folder / "results.json").read_text())
    return {(f["predictor"], f["setting"], f["metric"]): f["value"] for f in record["figures"]}


def test_vos_of_baselines_and_a_checkpoint(cli: Cli, data: Path, weights: Path, tmp_path: Path) -> None:
    code, out, _ = cli(
        *("evaluate", "vos", data, "--predictor", "copy", "--predictor", f"mine={weights}", "--image-model", weights),
        *("--prompt", "mask", "--prompt", "click-3", "--device", "cpu", "-o", tmp_path / "run"),
    )
    assert code == 0
    assert "J&F" in out
    found = figures(tmp_path / "run")
    assert {key[:2] for key in found} == {(p, s) for p in ("copy", "mine") for s in ("mask", "click-3")}
    shifts = np.array([4, 8, 12])
    assert found["copy", "mask", "J"] == pytest.approx(np.mean((20 - shifts) / (20 + shifts)))
    for name in ("results.csv", "timings.csv", "manifest.json", "report.html", "predictions/mine/mask/b/00004.png"):
        assert (tmp_path / "run" / name).is_file()
    assert str(tmp_path / "run/report.html") in out


def test_a_manifest_is_run_again_and_checked_before(cli: Cli, data: Path, weights: Path, tmp_path: Path) -> None:
    first, again = tmp_path / "first", tmp_path / "again"
    cli("evaluate", "vos", data, "--predictor", weights, "--device", "cpu", "-o", first)
    code, _, _ = cli("evaluate", "--manifest", first / "manifest.json", "-o", again)
    assert code == 0
    assert (first / "results.csv").read_bytes() == (again / "results.csv").read_bytes()
    manifest = json.loads((first / "manifest.json").read_text())
    assert [spec["device"] for spec in manifest["predictors"]] == ["cpu"]
    manifest["sequences"]["b"]["sha256"] = "0" * 64
    (tmp_path / "changed.json").write_text(json.dumps(manifest))
    code, _, err = cli("evaluate", "--manifest", tmp_path / "changed.json", "-o", tmp_path / "no")
    assert code == 2
    assert "the sequence b is not that of the manifest" in err
    assert not (tmp_path / "no/units.jsonl").exists()


def test_predictions_of_another_tool_are_scored_alone(cli: Cli, data: Path, tmp_path: Path) -> None:
    truth = data / "Annotations"
    code, out, _ = cli(
        *("evaluate", "vos", data, "--predictions", truth, "--predictions", f"same={truth}", "-o", tmp_path / "run")
    )
    assert code == 0
    found = figures(tmp_path / "run")
    assert {key[:2] for key in found} == {("Annotations", "files"), ("same", "files")}
    assert found["Annotations", "files", "J&F"] == found["same", "files", "J&F"] == 1.0
    assert "100.0" in out
    code, _, err = cli("evaluate", "vos", data, "--predictions", data / "JPEGImages", "-o", tmp_path / "other")
    assert code == 2
    assert "JPEGImages" in err


def test_interactive(cli: Cli, data: Path, weights: Path, tmp_path: Path) -> None:
    code, _, _ = cli(
        *("evaluate", "interactive", data, "--predictor", weights, "--mode", "online", "--rounds", 2),
        *("--limit", 3, "--no-keep", "--device", "cpu", "-o", tmp_path / "run"),
    )
    assert code == 0
    settings = {"online-1-first-3", "online-2-first-3", "online-mean-first-3"}
    assert {setting for _, setting, _ in figures(tmp_path / "run")} == settings
    assert (weights.stem, "online-2-first-3", "seconds_per_frame") in figures(tmp_path / "run")
    assert not (tmp_path / "run/predictions").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("vos", "{data}", "--predictor", "nowhere"), "nowhere"),
        (("vos", "{data}", "--predictor", "a/b=nano"), "without slashes"),
        (("vos", "{data}", "--predictor", "copy", "--predictor", "copy"), "two predictors are called 'copy'"),
        (("vos", "{data}", "--predictor", "copy", "--prompt", "click-2"), "click-2"),
        (("vos", "{data}/nothing", "--predictor", "copy"), "no such folder"),
        (("vos", "{data}", "--predictions", "{data}/a", "--predictions", "{data}/b/a"), "are called 'a'"),
        (("vos", "{data}", "--predictor", "copy", "--layout", "davis2020"), "davis2020"),
        (("vos", "{data}", "--predictor", "copy", "--device", "cuda:77"), "cuda:77"),
        (("vos", "{data}", "--predictor", "copy", "--workers", "0"), "at least one worker"),
        (("vos", "{data}", "--predictor", "copy", "--resume", "--overwrite"), "not the two together"),
        (("interactive", "{data}", "--predictor", "copy", "--rounds", "0"), "at least one round"),
        (("--manifest", "{data}/none.json"), "none.json"),
        (("voss",), "vos, or --manifest, got voss"),
        (("vos", "{data}", "--predictor", "copy", "-o", "{data}/JPEGImages/a/00000.jpg"), "00000.jpg"),
    ],
)
def test_wrong_input_is_one_line_on_stderr(
    cli: Cli, data: Path, tmp_path: Path, words: tuple[str, ...], message: str
) -> None:
    words = tuple(word.format(data=data) for word in words)
    code, _, err = cli("evaluate", *words, *(() if "-o" in words else ("-o", tmp_path / "run")))
    assert code == 2
    assert not (tmp_path / "run").exists()
    assert message in err
    assert len(err.strip().splitlines()) == 1


def test_ctrl_c_keeps_what_was_done_and_resume_goes_on(
    cli: Cli, data: Path, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = [
        *("evaluate", "vos", str(data), "--predictor", str(weights), "--device", "cpu"),
        *("--prompt", "mask", "--prompt", "box", "--prompt", "click-1", "--prompt", "click-3", "--prompt", "click-5"),
    ]
    append, journal = run._append, tmp_path / "run/units.jsonl"

    def then_interrupt(*about: Any) -> None:
        append(*about)
        if len(journal.read_text().splitlines()) == 2:
            raise KeyboardInterrupt  # not the signal: what a shell has started in the background does not hear it

    with monkeypatch.context() as patch:
        patch.setattr(run, "_append", then_interrupt)
        code, out, _ = cli(*words, "-o", tmp_path / "run")
    assert code == 130
    assert "--resume goes on" in out
    done = journal.read_text().splitlines()
    assert len(done) == 2
    assert cli(*words, "-o", tmp_path / "run", "--resume")[0] == 0
    assert cli(*words, "-o", tmp_path / "whole")[0] == 0
    assert journal.read_text().splitlines()[: len(done)] == done
    assert (tmp_path / "run/results.csv").read_bytes() == (tmp_path / "whole/results.csv").read_bytes()
