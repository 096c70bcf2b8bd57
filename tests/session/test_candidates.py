from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from masklet.masks import Rle
from masklet.model.mask_decoder import Decoded
from masklet.model.sam2 import Sam2
from masklet.session import CORRECT, VideoSession
from masklet.session.candidates import candidates


def test_three_masks_best_first_and_the_best_is_what_the_prompt_takes(
    model: Sam2, frames: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    decode = model.decode

    def visible(*args: Any, **kwargs: Any) -> Decoded:  # random weights see no object anywhere
        decoded = decode(*args, **kwargs)
        return replace(decoded, object_score=decoded.object_score.abs() + 1)

    monkeypatch.setattr(model, "decode", visible)
    session = VideoSession(model, frames, policy=replace(CORRECT, hole_area=0))
    found = candidates(session, 2, points=[(12, 18)])
    assert [entry.frame for entry in found] == [2, 2, 2]
    assert [(entry.rle.height, entry.rle.width) for entry in found] == [(48, 64)] * 3
    ious = [entry.iou for entry in found]
    assert ious == sorted(ious, reverse=True)
    assert session.object_ids == ()
    answer = session.prompt(2, 1, points=[(12, 18)]).objects[1]
    assert found[0].rle == Rle.encode(answer.mask)
    assert found[0].score == pytest.approx(answer.score, abs=1e-4)


def test_only_as_many_as_are_wanted(model: Sam2, frames: np.ndarray) -> None:
    session = VideoSession(model, frames)
    best = candidates(session, 2, box=(2, 5, 30, 40), most=1)
    assert best == candidates(session, 2, box=(2, 5, 30, 40))[:1]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [({}, "expected points, a box"), ({"points": [(99, 3)]}, "lies outside"), ({"frame": 24}, "expected a frame")],
)
def test_what_does_not_fit_is_refused(model: Sam2, frames: np.ndarray, arguments: dict, expected: str) -> None:
    session = VideoSession(model, frames)
    with pytest.raises(ValueError, match=expected):
        candidates(session, arguments.pop("frame", 0), **arguments)
