"""`masklet track --effect`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from masklet.export import apply_effects, effects_from_json, read_cutout_video, read_masklet_json
from masklet.media import open_clip, write_image

Cli = Callable[..., tuple[int, str, str]]
POINT = "1@0:point=16,24"


@pytest.fixture
def track(cli: Cli, weights: Path, frames: Path) -> Cli:
    return lambda *words: cli("track", frames, "--model", weights, "--device", "cpu", "-f", "npz", *words)


def test_effects_are_drawn_in_their_order(track: Cli, frames: Path, tmp_path: Path) -> None:
    write_image(tmp_path / "green.png", np.full((4, 4, 3), (40, 40, 40), np.uint8))
    (tmp_path / "effects.json").write_text(
        json.dumps([{"kind": "replace", "target": "background", "picture": "green.png", "feather": 0}])
    )
    out = tmp_path / "out"
    code, stdout, _ = track(
        "--prompt", POINT, "-o", out, "--effect", "1=overlay:colour=#e0e0e0;opacity=1;feather=0", "--effects",
        tmp_path / "effects.json",
    )  # fmt: skip
    assert code == 0
    assert str(out / "effects.mp4") in stdout
    (masklet,) = read_masklet_json(out / "masklets.json").masklets
    effects = effects_from_json(
        [
            {"kind": "overlay", "target": 1, "colour": "#e0e0e0", "opacity": 1, "feather": 0},
            {"kind": "replace", "target": "background", "colour": "#282828", "feather": 0},
        ]
    )
    with open_clip(out / "effects.mp4") as made, open_clip(frames) as clip:
        assert len(made) == len(clip)
        for frame in (0, len(clip) - 1):
            expected = apply_effects(clip[frame], {1: masklet[frame].rle}, effects)
            assert np.abs(made[frame].astype(int) - expected).mean() < 12


def test_a_finished_run_gets_a_cut_out_later(track: Cli, tmp_path: Path) -> None:
    assert track("--prompt", POINT, "-o", tmp_path, "--effect", "background=blur")[0] == 0
    assert (tmp_path / "effects.mp4").is_file()
    assert track("-o", tmp_path, "--resume", "--effect", "1=cut-out")[0] == 0
    (back,) = read_cutout_video(tmp_path / "effects.webm").masklets
    assert len(back) == 8
    assert not (tmp_path / "effects.mp4").exists(), "what an older run made is gone"


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--effect", "blur"], "expected TARGET=KIND"),
        (["--effect", "3=blur"], "there is no object 3; objects: [1]"),
        (["--effect", "1=replace:picture=missing.png"], "missing.png"),
        (["--effects", "missing.json"], "missing.json"),
    ],
)
def test_wrong_effects_are_refused_before_the_work(track: Cli, tmp_path: Path, words: list[str], reason: str) -> None:
    out = tmp_path / "out"
    code, _, error = track("--prompt", POINT, "-o", out, *words)
    assert code == 2
    assert reason in error
    assert not (out / "track.jsonl").exists()
