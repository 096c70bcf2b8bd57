"""Damaged videos: what is shown to the predictor, which frames count, and what damage is said to cost."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from masklet.data.corruptions import CORRUPTIONS
from masklet.data.layouts import open_videos
from masklet.data.sequences import AnnotatedVideo, Clip
from masklet.media import write_image
from masklet.metrics.manifest import Job
from masklet.metrics.predictors import Predicted, PredictorSpec, load_predictor
from masklet.metrics.protocols.robustness import RobustnessOptions, RobustnessProtocol
from masklet.metrics.results import Score
from masklet.metrics.run import build
from masklet.session import Prompt

FRAMES, SIDE = 12, 16
COLOURS = {1: (255, 0, 0), 2: (0, 0, 255)}
BEGINS = {1: 0, 2: 5}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return footage(tmp_path / "data", FRAMES)


def footage(root: Path, frames: int) -> Path:
    """Video a: a red square that moves, and from frame 5 on a blue one; video b: a green one that never moves."""
    for name in ("a", "b"):
        for folder in ("JPEGImages", "Annotations"):
            (root / folder / name).mkdir(parents=True)
        for index in range(frames):
            picture, labels = np.zeros((48, 64, 3), np.uint8), np.zeros((48, 64), np.uint8)
            if name == "b":
                picture[8:24, 8:24], labels[8:24, 8:24] = (0, 255, 0), 1
            else:
                for number, colour in COLOURS.items():
                    if index >= BEGINS[number]:
                        where = slice(24 * number - 22, 24 * number - 6), slice(4 + index, 4 + index + SIDE)
                        picture[where], labels[where] = colour, number
            write_image(root / "JPEGImages" / name / f"{index:05d}.png", picture)
            write_image(root / "Annotations" / name / f"{index:05d}.png", labels)
    return root


class Colours:
    """Finds squares by their colours, except, if it is forgetful, once it has seen a frame without any."""

    name = "colours"

    def __init__(self, *, forgetful: bool = False) -> None:
        self._forgetful = forgetful
        self.prompts: list[tuple[int, int]] = []

    def open(self, clip: Clip, *, overlap: bool = True, revisit: bool = False) -> Colours:
        assert not overlap
        assert not revisit
        self._clip, self._known = clip, dict[int, tuple[int, ...]]()
        return self

    def prompt(self, frame: int, object_id: int, prompt: Prompt) -> Predicted:
        assert prompt.mask is not None
        mask = prompt.mask.decode()
        self._known[object_id] = tuple(self._clip[frame][mask][0])
        assert (self._clip[frame][mask] == self._known[object_id]).all()
        self.prompts.append((frame, object_id))
        return Predicted(mask=mask)

    def propagate(self) -> Iterator[tuple[int, dict[int, Predicted]]]:
        lost = False
        for frame in range(len(self._clip)):
            found = {i: (self._clip[frame] == colour).all(axis=-1) for i, colour in self._known.items()}
            lost |= self._forgetful and not any(mask.any() for mask in found.values())
            shown = {i: mask & (not lost) for i, mask in found.items()}
            yield frame, {i: Predicted(mask=mask, score=1.0 if mask.any() else -2.0) for i, mask in shown.items()}

    def close(self) -> None:
        self._clip.close()


def protocol(data: Path, predictor: Callable[[], Any], *names: str, **options: Any) -> RobustnessProtocol:
    videos = open_videos(data)
    return RobustnessProtocol(videos, {"p": predictor}, RobustnessOptions(corruptions=names, **options))


def copying() -> Any:
    return load_predictor(PredictorSpec(name="copy", model="copy"))


def evaluated(made: RobustnessProtocol, video: str = "a") -> list[Score]:
    return [row for unit in made.units() if unit.sequence == video for row in made.evaluate(unit)]


def by_frame(rows: Sequence[Score], setting: str, metric: str, object_id: int = 1) -> dict[int | None, float]:
    wanted = (setting, metric, object_id)
    return {row.frame: row.value for row in rows if (row.setting, row.metric, row.object_id) == wanted}


def figure(made: RobustnessProtocol, rows: Sequence[Score], setting: str, metric: str) -> float:
    return next(f.value for f in made.figures(rows) if (f.setting, f.metric) == (setting, metric))


def video_a(data: Path) -> AnnotatedVideo:
    return next(video for video in open_videos(data) if video.name == "a")


def test_dropped_frames_do_not_count_and_the_others_are_matched_with_their_truth(data: Path) -> None:
    predictor = Colours()
    made = protocol(data, lambda: predictor, "dropped-2")
    rows = evaluated(made)
    video = video_a(data)
    origin = CORRUPTIONS["dropped-2"].apply(video.clip(), keep=[0, 5]).origin
    assert set(by_frame(rows, "clean", "J")) == set(video.scored)
    assert set(by_frame(rows, "dropped-2", "J")) == set(video.scored) & set(origin) != set(video.scored)
    assert {row.value for row in rows if row.metric in ("J", "F")} == {1.0}
    assert predictor.prompts == [(0, 1), (5, 2), (0, 1), (origin.index(5), 2)]


def test_duplicated_frames_count_once_where_they_first_appear(data: Path) -> None:
    predictor = Colours()
    rows = evaluated(protocol(data, lambda: predictor, "duplicated-3"))
    mine = [row for row in rows if (row.setting, row.metric, row.object_id) == ("duplicated-3", "J", 1)]
    assert [(row.frame, row.value) for row in mine] == [(frame, 1.0) for frame in video_a(data).scored]
    assert predictor.prompts[2:] == [(0, 1), (10, 2)]


def test_out_of_sight_the_changed_truth_counts(tmp_path: Path) -> None:
    """Only who says that nothing is there is right; a copied mask is wrong on each hidden frame."""
    data = footage(tmp_path / "data", 24)
    rows: dict[str, list[Score]] = {}
    for name, predictor in (("finds", Colours), ("copies", copying)):
        made = protocol(data, predictor, "exit-1", "occluder-1")
        rows[name] = evaluated(made)
        for setting in ("exit-1", "occluder-1"):
            visible = by_frame(rows[name], setting, "visible")
            presence = by_frame(rows[name], setting, "presence")
            assert 8 <= sum(seen == 0 for seen in visible.values()) < 18
            assert presence == {frame: 1.0 if name == "finds" else seen for frame, seen in visible.items()}
    found = by_frame(rows["finds"], "exit-1", "J")
    assert all(found[frame] == 1 for frame, seen in by_frame(rows["finds"], "exit-1", "visible").items() if not seen)


def test_the_drop_compares_the_same_frames(data: Path) -> None:
    made = protocol(data, copying, "dropped-3")
    rows = evaluated(made)
    clean, dropped = by_frame(rows, "clean", "J"), by_frame(rows, "dropped-3", "J")
    assert dropped == {frame: clean[frame] for frame in dropped}
    assert clean[1] == pytest.approx(15 / 17)
    assert figure(made, rows, "dropped-3", "J") != pytest.approx(figure(made, rows, "clean", "J"))
    assert figure(made, rows, "dropped-3", "drop") == pytest.approx(0)


def test_objects_lost_at_a_cut_are_missed_after_it_only(data: Path) -> None:
    made = protocol(data, lambda: Colours(forgetful=True), "shot-cuts-1")
    rows = evaluated(made)
    scored = video_a(data).scored
    middle = FRAMES // 2
    assert by_frame(rows, "shot-cuts-1", "J") == {frame: float(frame < middle) for frame in scored}
    assert set(by_frame(rows, "shot-cuts-1", "J&F_after_cut")) == {frame for frame in scored if frame >= middle}
    assert figure(made, rows, "shot-cuts-1", "J&F_after_cut") == 0
    assert figure(made, rows, "shot-cuts-1", "drop_after_cut") == 1
    shares = [
        sum(frame >= middle for frame in scored if frame >= begin) / sum(frame >= begin for frame in scored)
        for begin in BEGINS.values()
    ]
    assert figure(made, rows, "shot-cuts-1", "drop") == pytest.approx(np.mean(shares))
    assert figure(made, rows, "shot-cuts-1", "false_alarm") == 0
    assert set(by_frame(rows, "shot-cuts-1", "object_score_elsewhere").values()) == {-2.0}


def test_a_cut_shows_the_next_video_and_who_sees_the_object_there_is_wrong(data: Path) -> None:
    made = protocol(data, copying, "shot-cuts-1")
    rows = evaluated(made)
    alarms = by_frame(rows, "shot-cuts-1", "false_alarm")
    assert alarms == dict.fromkeys(range(6, 18), 1.0)  # frames of the damaged clip
    assert not by_frame(rows, "shot-cuts-1", "object_score_elsewhere")
    assert figure(made, rows, "shot-cuts-1", "false_alarm") == 1
    finding = protocol(data, Colours, "shot-cuts-1")
    green = evaluated(finding, "b")  # cut to a, where nothing is green
    assert figure(finding, green, "shot-cuts-1", "false_alarm") == 0
    assert figure(finding, green, "shot-cuts-1", "drop") == 0


def test_damage_of_pixels_reaches_the_predictor(data: Path) -> None:
    made = protocol(data, Colours, "low-light-3", "h264-1")
    unit = next(unit for unit in made.units() if unit.setting == "low-light-3")
    with pytest.raises(AssertionError):  # the square is not of one colour any more
        made.evaluate(unit)


def test_every_corruption_can_be_run(data: Path) -> None:
    rows = evaluated(protocol(data, copying, *CORRUPTIONS), "b")
    assert {row.setting for row in rows} == {"clean", *CORRUPTIONS}
    assert {row.value for row in rows if row.metric == "J"} == {1.0}


def test_objects_are_shown_as_asked_for(data: Path) -> None:
    boxes: list[tuple[float, ...] | None] = []

    class Boxed(Colours):
        def prompt(self, frame: int, object_id: int, prompt: Prompt) -> Predicted:
            boxes.append(prompt.box)
            self._known[object_id] = tuple(self._clip[frame][10, 10])
            return Predicted(mask=np.zeros((48, 64), bool))

    rows = evaluated(protocol(data, Boxed, "duplicated-1", prompt="box"), "b")
    assert boxes == [(8, 8, 24, 24)] * 2
    assert {row.value for row in rows if row.metric == "J"} == {1.0}


def test_a_limit_cuts_videos_short_and_is_named(data: Path) -> None:
    made = protocol(data, Colours, "duplicated-1", limit=4)
    rows = evaluated(made)
    assert {row.setting for row in rows} == {"clean-first-4", "duplicated-1-first-4"}
    assert set(by_frame(rows, "clean-first-4", "J")) == {frame for frame in video_a(data).scored if frame < 4}
    assert {row.object_id for row in rows} == {1}
    assert figure(made, rows, "duplicated-1-first-4", "drop") == 0


def test_a_job_is_built_and_goes_to_workers(data: Path, tmp_path: Path) -> None:
    options = {"corruptions": ["noise-1"], "prompt": "mask", "limit": None}
    spec = PredictorSpec(name="copy", model="copy")
    evaluation = build(Job(protocol="robustness", data=str(data), predictors=(spec,), options=options), tmp_path)
    assert evaluation.protocol.describe() == options
    assert set(evaluation.files) == {"a", "b"}
    again = pickle.loads(pickle.dumps(evaluation.protocol))
    assert [unit.key for unit in again.units()] == [
        f"copy/{setting}/{video}" for setting in ("clean", "noise-1") for video in ("a", "b")
    ]
    unit = again.units()[2]
    assert again.evaluate(unit) == evaluation.protocol.evaluate(unit)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"corruptions": ("fog-1",)}, "expected corruptions out of blur-1.*got 'fog-1'"),
        ({"corruptions": ()}, "at least one corruption"),
        ({"corruptions": ("blur-1", "blur-1")}, "each once"),
        ({"corruptions": ("blur-1",), "prompt": "scribble"}, "got 'scribble'"),
        ({"corruptions": ("blur-1",), "limit": 1}, "at least 2 frames, got 1"),
    ],
)
def test_options_are_checked(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        RobustnessOptions(**options)


def test_a_cut_needs_a_second_video(data: Path) -> None:
    with pytest.raises(ValueError, match="shot-cuts-2 shows another video, but there is only a"):
        RobustnessProtocol([video_a(data)], {}, RobustnessOptions(corruptions=("blur-1", "shot-cuts-2")))
