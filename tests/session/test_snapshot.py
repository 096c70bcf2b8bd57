from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from masklet.model.configs import NANO
from masklet.model.sam2 import Sam2
from masklet.session import CORRECT, VideoSession

BOX: dict[str, Any] = {"box": (20, 5, 40, 30)}


def equal(a: VideoSession, b: VideoSession, start: int) -> None:
    first, second = list(a.propagate(start)), list(b.propagate(start))
    assert [r.frame for r in first] == [r.frame for r in second]
    for x, y in zip(first, second, strict=True):
        assert x.objects.keys() == y.objects.keys()
        for number in x.objects:
            assert torch.equal(x.objects[number].low_res, y.objects[number].low_res)
            assert (x.objects[number].score, x.objects[number].iou) == (y.objects[number].score, y.objects[number].iou)


@pytest.mark.parametrize("archive", [True, False])
def test_goes_on_bit_for_bit(model: Sam2, frames: np.ndarray, tmp_path: Path, archive: bool) -> None:
    session = VideoSession(model, frames, archive=archive)
    session.prompt(0, 1, points=[(12, 18)])
    session.prompt(4, 2, **BOX)
    for result in session.propagate():
        if result.frame == 9:
            break
    session.prompt(8, 1, points=[(50, 40)], labels=[0])  # its memory is not written yet
    session.save(tmp_path / "state")
    again = VideoSession.load(tmp_path / "state", model, frames, archive=archive)
    assert again.object_ids == session.object_ids
    assert again.prompts(1) == session.prompts(1)
    assert again.conditioning_frames(1) == session.conditioning_frames(1)
    equal(session, again, 8)


def test_live_session_goes_on(model: Sam2, frames: np.ndarray, tmp_path: Path) -> None:
    live = VideoSession(model)
    live.push(frames[0])
    live.prompt(0, 1, points=[(12, 18)])
    for frame in frames[1:10]:
        live.push(frame)
    live.save(tmp_path / "state")
    again = VideoSession.load(tmp_path / "state", model)
    for frame in frames[10:15]:
        a, b = live.push(frame), again.push(frame)
        assert a.frame == b.frame
        assert torch.equal(a.objects[1].low_res, b.objects[1].low_res)
    with pytest.raises(ValueError, match="64x48 like the first"):
        again.push(frames[0, :10, :10])


@pytest.fixture
def saved(model: Sam2, frames: np.ndarray, tmp_path: Path) -> Path:
    session = VideoSession(model, frames)
    session.prompt(0, 1, points=[(12, 18)])
    list(session.propagate(stop=5))
    session.save(tmp_path / "state")
    return tmp_path / "state"


def test_another_model_or_source_is_refused(model: Sam2, frames: np.ndarray, saved: Path) -> None:
    torch.manual_seed(1)
    with pytest.raises(ValueError, match="was saved with the model"):
        VideoSession.load(saved, Sam2(NANO.at(64)).eval(), frames)
    with pytest.raises(ValueError, match="was saved from 24 frames"):
        VideoSession.load(saved, model, frames[:20])
    with pytest.raises(ValueError, match="was saved from a clip"):
        VideoSession.load(saved, model)
    with pytest.raises(FileNotFoundError, match="no saved session"):
        VideoSession.load(saved.with_name("other"), model, frames)


def test_damaged_files_are_refused(model: Sam2, frames: np.ndarray, saved: Path) -> None:
    data = saved.read_bytes()
    for kept in (0, 100, len(data) // 2, len(data) - 30):
        saved.write_bytes(data[:kept])
        with pytest.raises(ValueError, match="not a complete saved session"):
            VideoSession.load(saved, model, frames)
    flipped = bytearray(data)
    flipped[len(data) // 3] ^= 0xFF
    saved.write_bytes(flipped)
    with pytest.raises(ValueError, match="not a complete saved session"):
        VideoSession.load(saved, model, frames)


def test_another_format_is_refused(model: Sam2, frames: np.ndarray, saved: Path) -> None:
    with zipfile.ZipFile(saved) as file:
        content, records = json.loads(file.read("session.json")), file.read("records.bin")
    content["format"] = 99
    with zipfile.ZipFile(saved, "w") as file:
        file.writestr("session.json", json.dumps(content))
        file.writestr("records.bin", records)
    with pytest.raises(ValueError, match="expected a session of format 1, got 99"):
        VideoSession.load(saved, model, frames)


def test_a_failed_save_keeps_the_older_file(
    model: Sam2, frames: np.ndarray, saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = saved.read_bytes()
    session = VideoSession.load(saved, model, frames)

    def fail(*_: object) -> bytes:
        raise KeyboardInterrupt

    monkeypatch.setattr("masklet.session.packing.Packing.pack", fail)
    with pytest.raises(KeyboardInterrupt):
        session.save(saved)
    assert saved.read_bytes() == before
    assert [p.name for p in saved.parent.iterdir()] == [saved.name]


def test_a_policy_of_ones_own_cannot_be_saved(model: Sam2, frames: np.ndarray, tmp_path: Path) -> None:
    session = VideoSession(model, frames, policy=replace(CORRECT, non_overlap=True))
    with pytest.raises(ValueError, match="default policy"):
        session.save(tmp_path / "state")
    assert not list(tmp_path.iterdir())
