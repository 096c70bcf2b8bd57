"""The simulated user: which frames are corrected, how often, what it costs, and what comes of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from masklet.data.sequences import AnnotatedVideo, Clip, Mask
from masklet.metrics.manifest import Job
from masklet.metrics.predictors import Frame, Predicted, PredictorSpec
from masklet.metrics.protocols.interactive import InteractiveOptions, InteractiveProtocol
from masklet.metrics.results import Figure, Score
from masklet.metrics.run import build
from masklet.session import Prompt


class Drifting:
    """Right on prompted frames (after the second click) and losing one row a frame behind them."""

    name = "drifting"

    def __init__(self, video: AnnotatedVideo) -> None:
        self.video = video
        self.opened: list[Drifting] = []
        self.clicks: list[tuple[int, int, bool]] = []  # object, frame, positive
        self.closed = False

    def open(self, clip: Clip, *, overlap: bool = True, revisit: bool = False) -> Drifting:  # noqa: ARG002
        self.opened.append(Drifting(self.video))
        return self.opened[-1]

    def truth(self, frame: int, object_id: int) -> Mask:
        return self.video.annotations.masks(frame)[object_id]

    def answer(self, frame: int, object_id: int) -> Mask:
        clicked = [t for i, t, _ in self.clicks if i == object_id and t <= frame]
        assert clicked
        mask = self.truth(frame, object_id).copy()
        lost = 2 * (frame - max(clicked)) + (1 if clicked.count(frame) == 1 else 0)
        rows = np.flatnonzero(mask.any(axis=1))
        mask[rows[:lost]] = False
        return mask

    def prompt(self, frame: int, object_id: int, prompt: Prompt) -> Predicted:
        self.clicks.append((object_id, frame, prompt.labels == (1,)))
        return Predicted(mask=self.answer(frame, object_id))

    def propagate(self) -> Iterator[tuple[int, Frame]]:
        for frame in range(min(t for _, t, _ in self.clicks), len(self.video)):
            begun = {i for i, t, _ in self.clicks if t <= frame}
            yield frame, {i: Predicted(mask=self.answer(frame, i)) for i in begun}

    def close(self) -> None:
        self.closed = True


def run(video: AnnotatedVideo, folder: Path, options: InteractiveOptions) -> tuple[Drifting, list[Score]]:
    drifting = Drifting(video)
    protocol = InteractiveProtocol([video], {"drifting": lambda: drifting}, options, folder)
    return drifting, [score for unit in protocol.units() for score in protocol.evaluate(unit)]


def of(scores: list[Score], setting: str, metric: str, object_id: int = 1) -> dict[int | None, float]:
    return {s.frame: s.value for s in scores if (s.setting, s.metric, s.object_id) == (setting, metric, object_id)}


def edited(drifting: Drifting) -> list[list[tuple[int, int]]]:
    """Of each time it was opened, the (object, frame) pairs in the order of the clicks."""
    return [[(i, t) for i, t, _ in tracking.clicks] for tracking in drifting.opened]


def test_offline_corrects_the_worst_frame_pass_after_pass(videos: dict[str, AnnotatedVideo], tmp_path: Path) -> None:
    options = InteractiveOptions(modes=("offline",), rounds=3)
    drifting, scores = run(videos["one"], tmp_path, options)
    # Frame 7 has lost most at first; once it is right, frame 6 has. Two clicks make a frame right.
    assert edited(drifting) == [[(1, 0)] * 2 + [(1, 7)] * 2 + [(1, 6)] * 2]
    assert drifting.opened[0].closed
    assert of(scores, "offline-1", "J")[6] == pytest.approx(8 / 20)
    assert of(scores, "offline-3", "J")[6] == 1.0
    assert of(scores, "offline-3", "J")[5] == pytest.approx(10 / 20)
    assert sorted({score.setting for score in scores}) == ["offline-1", "offline-2", "offline-3"]
    assert all(positive for _, _, positive in drifting.opened[0].clicks)


def test_online_stops_below_the_threshold_and_changes_nothing_that_went_before(
    videos: dict[str, AnnotatedVideo], tmp_path: Path
) -> None:
    drifting, scores = run(videos["one"], tmp_path, InteractiveOptions(modes=("online",), rounds=4))
    # Two rows of twenty a frame are lost: 0.7 is reached 3 frames after a prompt.
    start, third, sixth = [(1, 0)] * 2, [(1, 3)] * 2, [(1, 6)] * 2
    assert edited(drifting) == [start, start + third, start + third + sixth, start + third + sixth]
    js = of(scores, "online-3", "J")
    assert js == pytest.approx({1: 0.9, 2: 0.8, 3: 1.0, 4: 0.9, 5: 0.8, 6: 1.0})
    assert of(scores, "online-4", "J") == js
    assert of(scores, "online-1", "J")[6] == pytest.approx(8 / 20)
    assert of(scores, "online-2", "J")[6] == pytest.approx(14 / 20)


def test_time_is_put_at_what_the_paper_says(videos: dict[str, AnnotatedVideo], tmp_path: Path) -> None:
    options = InteractiveOptions(rounds=2)
    _, scores = run(videos["one"], tmp_path, options)
    seconds = {setting: of(scores, setting, "annotation_seconds")[None] for setting in ("offline-2", "online-2")}
    # 2 frames located, 4 clicks; 8 frames examined, offline in each of two passes.
    assert seconds["offline-2"] == pytest.approx(2 * 1.0 + 4 * 1.5 + 2 * 30 * 8 / 300)
    assert seconds["online-2"] == pytest.approx(2 * 1.0 + 4 * 1.5 + 30 * 8 / 300)
    protocol = InteractiveProtocol([videos["one"]], {}, options, tmp_path)
    found = {(f.setting, f.metric): f.value for f in protocol.figures(scores)}
    assert found["offline-2", "annotation_seconds"] == seconds["offline-2"]
    assert found["offline-2", "seconds_per_frame"] == pytest.approx(seconds["offline-2"] / 8)
    assert found["offline-2", "edited_share"] == 2 / 8
    assert found["offline-2", "clicks_per_edited_frame"] == 2
    assert found["offline-mean", "J&F"] == pytest.approx((found["offline-1", "J&F"] + found["offline-2", "J&F"]) / 2)
    assert found["online-2", "J&F"] > found["online-1", "J&F"]


def test_every_object_has_its_own_frames_and_later_ones_begin_later(
    videos: dict[str, AnnotatedVideo], tmp_path: Path
) -> None:
    drifting, scores = run(videos["two"], tmp_path, InteractiveOptions(modes=("offline",), rounds=2))
    frames: dict[int, list[int]] = {}
    for object_id, frame in dict.fromkeys(edited(drifting)[0]):
        frames.setdefault(object_id, []).append(frame)
    assert frames == {1: [0, 7], 5: [0, 3], 2: [3, 7]}  # object 5 is gone from frame 4 on, and rightly so
    assert of(scores, "offline-1", "frames", 2)[None] == 5
    assert list(of(scores, "offline-2", "J", 2)) == [3, 4, 5, 6]


def test_the_last_rounds_masks_are_written(videos: dict[str, AnnotatedVideo], tmp_path: Path) -> None:
    run(videos["one"], tmp_path, InteractiveOptions(rounds=2, limit=5))
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("00004.png")) == [
        "drifting/offline-2-first-5/one/00004.png",
        "drifting/online-2-first-5/one/00004.png",
    ]
    assert not list(tmp_path.rglob("00005.png"))


def test_real_predictors_do_it_too(squares: Path, tiny: Path, tmp_path: Path) -> None:
    specs = [
        PredictorSpec(name=name, model=model, device="cpu", image_model=str(tiny))
        for name, model in (("copy", "copy"), ("tiny", str(tiny)))
    ]
    options = {"modes": ["offline", "online"], "rounds": 2, "keep": False}
    job = Job(protocol="interactive", data=str(squares), predictors=tuple(specs), options=options)
    protocol = build(job, tmp_path).protocol
    scores = [score for unit in protocol.units() if unit.sequence == "two" for score in protocol.evaluate(unit)]
    found = {(f.predictor, f.setting, f.metric): f for f in protocol.figures(scores)}
    for name in ("copy", "tiny"):
        for mode in ("offline", "online"):
            assert found[name, f"{mode}-1", "J&F"].count == 3
            assert found[name, f"{mode}-2", "edited_share"].value > found[name, f"{mode}-1", "edited_share"].value
    # The first pass is one and the same in both modes.
    assert found["tiny", "offline-1", "J&F"] == Figure(
        predictor="tiny", setting="offline-1", metric="J&F", value=found["tiny", "online-1", "J&F"].value, count=3
    )


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"modes": ()}, "modes"),
        ({"modes": ("inline",)}, "inline"),
        ({"rounds": 0}, "at least one round"),
        ({"threshold": 0.0}, "threshold"),
        ({"limit": 1}, "limit"),
    ],
)
def test_wrong_options_are_errors(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        InteractiveOptions(**wrong)
