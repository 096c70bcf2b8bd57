"""The session against the published code's video predictor, golden outputs for synthetic weights.

Everything is read from the shared folder: the rule of the weights, the frames, the expected numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from masklet.media import read_image
from masklet.model import Sam2, load_model
from masklet.session import FrameResult, VideoSession

FIRST, LATER = 2e-3, 2e-2
"""Greatest difference of logits relative to the greatest reference value: prompted and first tracked frame; after."""


Checkpoint = Callable[[str], AbstractContextManager[Path]]


def load(synthetic: Checkpoint, name: str) -> Sam2:
    with synthetic(name) as path:
        return load_model(path, device="cpu")


@pytest.fixture(scope="module")
def tiny(synthetic: Checkpoint) -> Sam2:
    return load(synthetic, "sam2.1_hiera_tiny")


@dataclass
class Golden:
    """The expected outputs of one case of one model, and a session over its frames."""

    shared: Path
    name: str
    case: str
    model: Sam2
    frames: list[int]

    def __post_init__(self) -> None:
        self.arrays = np.load(self.shared / "parity" / f"{self.name}.npz")
        folder = self.shared / "media" / "bedroom"
        pictures = [read_image(folder / f"{frame:05d}.jpg") for frame in self.frames]
        self.session = VideoSession(self.model, pictures, reference_exact=True)
        self.step = 0
        self.tracked: set[int] = set()

    def prompt(self, frame: int, object_id: int, **prompt: Any) -> None:
        result = self.session.prompt(frame, object_id, **prompt)
        for number, entry in result.objects.items():
            key = f"{self.case}/step{self.step}/prompt_frame{frame}/obj{number}/video_res"
            compare(entry.logits[::8, ::8], self.arrays[key], FIRST)
        self.step += 1

    def propagate(self, results: Iterable[FrameResult]) -> None:
        prefix = f"{self.case}/step{self.step}"
        order: list[int] = []
        for result in results:
            tolerance = LATER if len(self.tracked - {result.frame}) > 1 else FIRST
            self.tracked.add(result.frame)
            order.append(result.frame)
            for number, entry in result.objects.items():
                key = f"{prefix}/frame{result.frame}/obj{number}"
                record = self.session.objects[number].record(result.frame)
                assert record is not None
                assert record.memory is not None
                compare(entry.logits[::8, ::8], self.arrays[f"{key}/video_res"], tolerance)
                compare(entry.low_res[::2, ::2], self.arrays[f"{key}/low_res"], tolerance)
                compare(record.pointer, self.arrays[f"{key}/ptr"], tolerance)
                compare(record.memory[::8, ::8, ::8].float(), self.arrays[f"{key}/mem"], LATER)
                assert entry.score == pytest.approx(self.arrays[f"{key}/score"].item(), abs=2e-3)
        assert order == self.arrays[f"{prefix}/order"].tolist()
        self.step += 1


def compare(found: Any, expected: np.ndarray, tolerance: float) -> None:
    found = np.asarray(found).reshape(expected.shape)
    assert np.abs(found - expected).max() <= tolerance * np.abs(expected).max()
    union = ((found > 0) | (expected > 0)).sum()
    assert union == 0 or ((found > 0) & (expected > 0)).sum() >= 0.999 * union


@pytest.mark.slow
@pytest.mark.parametrize("name", ["sam2.1_hiera_tiny", "sam2_hiera_base_plus"])
def test_click_forward(shared: Path, name: str, synthetic: Checkpoint) -> None:
    golden = Golden(shared, name, "click_forward", load(synthetic, name), list(range(9)))
    golden.prompt(0, 1, points=[(210, 350)])
    golden.propagate(golden.session.propagate())


@pytest.mark.slow
def test_two_objects_correct_reverse(shared: Path, tiny: Sam2) -> None:
    golden = Golden(shared, "sam2.1_hiera_tiny", "two_objects_correct_reverse", tiny, [0, 5, 10, 15, 20, 25])
    golden.prompt(0, 1, box=(300, 0, 500, 400))
    golden.prompt(0, 2, points=[(200, 300), (275, 175)])
    golden.propagate(golden.session.propagate())
    golden.prompt(3, 2, points=[(460, 60)], labels=[0])
    golden.propagate(golden.session.propagate())
    golden.propagate(golden.session.propagate(3, reverse=True))


@pytest.mark.slow
def test_mask_prompt_middle(shared: Path, tiny: Sam2) -> None:
    golden = Golden(shared, "sam2.1_hiera_tiny", "mask_prompt_middle", tiny, [40, 44, 48, 52, 56])
    y, x = np.mgrid[:540, :960]
    golden.prompt(2, 7, mask=(x - 480) ** 2 + (y - 270) ** 2 < 120**2)
    golden.propagate(golden.session.propagate(2))
    golden.propagate(golden.session.propagate(2, reverse=True))
