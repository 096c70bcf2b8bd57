"""Semi-supervised VOS: what is shown when, which frames count, and that figures are the official evaluators'."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from masklet.data.layouts import open_videos
from masklet.data.sequences import AnnotatedVideo, Clip
from masklet.export.palette_png import write_palette_png
from masklet.media import write_image
from masklet.metrics.manifest import Job
from masklet.metrics.predictors import Frame, Predicted, PredictorSpec
from masklet.metrics.protocols.base import Unit
from masklet.metrics.protocols.vos import VosOptions, VosProtocol
from masklet.metrics.results import Score
from masklet.metrics.run import build
from masklet.session import Prompt


class Oracle:
    """A predictor that knows the answer, and writes down how it was asked."""

    name = "oracle"

    def __init__(self, video: AnnotatedVideo) -> None:
        self.video = video
        self.prompts: list[tuple[int, int, Prompt]] = []
        self.events: list[str] = []

    def open(self, clip: Clip, *, overlap: bool = True, revisit: bool = False) -> Oracle:  # noqa: ARG002
        return self

    def prompt(self, frame: int, object_id: int, prompt: Prompt) -> Predicted:
        self.prompts.append((frame, object_id, prompt))
        self.events.append(f"{object_id}@{frame}")
        mask = self.video.annotations.masks(frame)[object_id].copy()
        if len(self.prompts) == 1 and not prompt.mask:
            mask[:12] = False  # the first answer is wrong at the top
        return Predicted(mask=mask)

    def propagate(self) -> Iterator[tuple[int, Frame]]:
        for frame in range(self.prompts[0][0], len(self.video)):
            self.events.append(f"frame {frame}")
            known = {object_id for start, object_id, _ in self.prompts if start <= frame}
            masks = self.video.annotations.masks(frame)
            yield frame, {i: Predicted(mask=masks[i], iou=1.0, score=5.0 if masks[i].any() else -5.0) for i in known}

    def close(self) -> None:
        self.events.append("closed")


def protocol_of(video: AnnotatedVideo, oracle: Oracle, folder: Path, options: VosOptions) -> VosProtocol:
    return VosProtocol([video], {"oracle": lambda: oracle}, options, folder)


def values(scores: list[Score], metric: str) -> dict[int | None, dict[int | None, float]]:
    found: dict[int | None, dict[int | None, float]] = {}
    for score in scores:
        if score.metric == metric:
            found.setdefault(score.object_id, {})[score.frame] = score.value
    return found


def test_the_truth_scores_one_from_where_each_object_begins(videos: dict[str, AnnotatedVideo], tmp_path: Path) -> None:
    oracle = Oracle(videos["two"])
    protocol = protocol_of(videos["two"], oracle, tmp_path, VosOptions())
    scores = list(protocol.evaluate(protocol.units()[0]))
    assert oracle.events[:7] == ["1@0", "5@0", "frame 0", "frame 1", "frame 2", "2@3", "frame 3"]
    assert oracle.events[-1] == "closed"
    ones = dict.fromkeys(range(1, 7), 1.0)
    assert values(scores, "J") == values(scores, "F") == {1: ones, 2: dict.fromkeys(range(3, 7), 1.0), 5: ones}
    assert values(scores, "visible")[5] == {1: 1.0, 2: 1.0, 3: 1.0, 4: 0.0, 5: 0.0, 6: 0.0}
    assert values(scores, "object_score")[2] == {4: 5.0, 5: 5.0, 6: 5.0}  # not on the prompted frame
    found = {figure.metric: figure.value for figure in protocol.figures(scores)}
    assert {name: found[name] for name in ("J&F", "J", "F", "presence", "iou_ece", "presence_auroc")} == dict.fromkeys(
        ("J&F", "J", "F", "presence", "presence_auroc"), 1.0
    ) | {"iou_ece": 0.0}


@pytest.mark.parametrize("setting", ["mask", "box", "click-1", "click-3", "click-5"])
def test_the_first_prompt_is_the_truths_and_a_right_answer_gets_no_more_clicks(
    videos: dict[str, AnnotatedVideo], tmp_path: Path, setting: str
) -> None:
    oracle = Oracle(videos["one"])
    protocol = protocol_of(videos["one"], oracle, tmp_path, VosOptions(prompts=(setting,)))
    protocol.evaluate(protocol.units()[0])
    assert len(oracle.prompts) == 1
    prompt = oracle.prompts[0][2]
    if setting == "box":
        assert prompt.box == (5, 20, 25, 40)
    elif setting == "mask":
        assert prompt.mask is not None
        assert prompt.mask.area == 400
    else:
        ((x, y),) = prompt.points
        assert 13 <= x <= 16
        assert 28 <= y <= 31
        assert prompt.labels == (1,)


def test_a_wrong_first_answer_gets_a_positive_click_on_what_is_missing(
    videos: dict[str, AnnotatedVideo], tmp_path: Path
) -> None:
    oracle = Oracle(videos["two"])  # object 1 begins at the top: 10 of its 20 rows are cut off
    protocol = protocol_of(videos["two"], oracle, tmp_path, VosOptions(prompts=("click-3",)))
    protocol.evaluate(protocol.units()[0])
    assert [event for event in oracle.events if "@" in event] == ["1@0", "1@0", "5@0", "2@3"]
    second = oracle.prompts[1][2]
    assert second.labels == (1,)
    assert 2 <= second.points[0][1] < 12


def test_a_limit_is_a_setting_of_its_own(videos: dict[str, AnnotatedVideo], tmp_path: Path) -> None:
    protocol = protocol_of(videos["one"], Oracle(videos["one"]), tmp_path, VosOptions(limit=4))
    (unit,) = protocol.units()
    assert unit == Unit(predictor="oracle", setting="mask-first-4", sequence="one")
    scores = list(protocol.evaluate(unit))
    assert list(values(scores, "J")[1]) == [1, 2, 3]
    written = sorted(path.name for path in (tmp_path / "oracle/mask-first-4/one").iterdir())
    assert written == ["00000.png", "00001.png", "00002.png", "00003.png"]


def test_all_annotated_frames_can_be_scored(videos: dict[str, AnnotatedVideo], tmp_path: Path) -> None:
    protocol = protocol_of(videos["one"], Oracle(videos["one"]), tmp_path, VosOptions(score_all=True, keep=False))
    scores = list(protocol.evaluate(protocol.units()[0]))
    assert list(values(scores, "J")[1]) == list(range(8))
    assert not list(tmp_path.iterdir())


def test_seen_and_unseen_classes_make_g(videos: dict[str, AnnotatedVideo], tmp_path: Path) -> None:
    video = AnnotatedVideo(
        name="two",
        frames=videos["two"].frames,
        annotations=videos["two"].annotations,
        targets=videos["two"].targets,
        scored=videos["two"].scored,
        groups={1: "seen", 2: "unseen", 5: "unseen"},
    )
    protocol = protocol_of(video, Oracle(video), tmp_path, VosOptions())
    rows = [("J", 1, 0.9), ("F", 1, 0.7), ("J", 2, 0.4), ("F", 2, 0.2), ("J", 5, 0.6), ("F", 5, 0.4)]
    scores = [
        Score(predictor="p", setting="mask", sequence="two", object_id=number, frame=frame, metric=metric, value=value)
        for metric, number, value in rows
        for frame in (1, 2)
    ]
    found = {figure.metric: figure.value for figure in protocol.figures(scores)}
    assert found["J_seen"] == pytest.approx(0.9)
    assert found["J_unseen"] == pytest.approx(0.5)
    assert found["F_unseen"] == pytest.approx(0.3)
    assert found["G"] == pytest.approx((0.9 + 0.5 + 0.7 + 0.3) / 4)
    assert found["J"] == pytest.approx((0.9 + 0.4 + 0.6) / 3)


def shaken(root: Path, folder: Path, rng: np.random.Generator) -> None:
    """Predictions that are wrong in many ways: shifted, with spots of other objects, sometimes without an object."""
    for path in sorted((root / "Annotations").rglob("*.png")):
        labels = np.array(Image.open(path))
        labels = np.roll(labels, tuple(rng.integers(-4, 5, 2)), axis=(0, 1))
        objects = [i for i in np.unique(labels) if i]
        if objects and rng.random() < 0.2:
            labels[labels == objects[-1]] = 0
        if objects:
            labels[rng.integers(0, 60) :, rng.integers(0, 60) :][:3, :5] = objects[0]
        place = folder / path.relative_to(root / "Annotations")
        place.parent.mkdir(parents=True, exist_ok=True)
        write_palette_png(place, labels)


def job_of(root: Path, predictions: Path, **options: object) -> Job:
    return Job(
        protocol="vos",
        data=str(root),
        predictors=(),
        options={"prompts": ["mask"], "predictions": {"other": str(predictions)}, **options},
    )


def scores_of(job: Job, folder: Path) -> tuple[list[Score], dict[str, float]]:
    protocol = build(job, folder).protocol
    scores = [score for unit in protocol.units() for score in protocol.evaluate(unit)]
    return scores, {figure.metric: figure.value for figure in protocol.figures(scores)}


@pytest.mark.parametrize("every", [False, True])
def test_predictions_from_files_score_as_by_the_official_evaluator(squares: Path, tmp_path: Path, every: bool) -> None:
    vos_benchmark = pytest.importorskip("vos_benchmark.benchmark")
    shaken(squares, tmp_path / "other", np.random.default_rng(5))
    scores, found = scores_of(job_of(squares, tmp_path / "other", score_all=every), tmp_path / "run")
    reference = subprocess.run(  # in a process of its own, since it forks
        [
            sys.executable,
            "-c",
            f"import json; from {vos_benchmark.__name__} import benchmark\n"
            f"jf, j, f, objects = benchmark([{str(squares / 'Annotations')!r}], [{str(tmp_path / 'other')!r}],"
            f" num_processes=1, verbose=False, skip_first_and_last={not every})\n"
            "print(json.dumps([float(jf[0]), float(j[0]), float(f[0]), "
            "{name: [{str(k): float(v) for k, v in part.items()} for part in pair] "
            "for name, pair in objects[0].items()}]))",
        ],
        check=True,
        capture_output=True,
        text=True,
    )
    import json

    jf, j, f, objects = json.loads(reference.stdout)
    assert [100 * found[name] for name in ("J&F", "J", "F")] == pytest.approx([jf, j, f], abs=1e-6)
    assert {score.setting for score in scores} == {"files"}
    for name, pair in objects.items():
        for metric, by_object in zip(("J", "F"), pair, strict=True):
            mine = values([score for score in scores if score.sequence == name], metric)
            means = {str(i): 100 * float(np.mean(list(frames.values()))) for i, frames in mine.items()}
            assert means == pytest.approx(by_object, abs=1e-6)


def test_a_run_scores_as_its_own_predictions_do(squares: Path, tiny: Path, tmp_path: Path) -> None:
    spec = PredictorSpec(name="tiny", model=str(tiny), device="cpu")
    job = Job(protocol="vos", data=str(squares), predictors=(spec,), options={"prompts": ["mask", "click-1"]})
    _, found = scores_of(
        Job(protocol="vos", data=str(squares), predictors=(spec,), options={"prompts": ["mask"]}), tmp_path
    )
    again, of_files = scores_of(job_of(squares, tmp_path / "predictions/tiny/mask"), tmp_path / "files")
    assert {name: of_files[name] for name in ("J&F", "J", "F")} == {name: found[name] for name in ("J&F", "J", "F")}
    assert {score.metric for score in again} >= {"J", "F", "presence"}
    assert build(job, tmp_path).timings == {"frames_per_second"}


def per_object_copy(squares: Path, root: Path) -> None:
    """The video "two" in per-object layout."""
    shutil.copytree(squares / "JPEGImages/two", root / "JPEGImages/two")
    for path in sorted((squares / "Annotations/two").iterdir()):
        labels = np.array(Image.open(path))
        for number in (1, 2, 5):
            place = root / "Annotations/two" / f"{number:03d}" / path.name
            place.parent.mkdir(parents=True, exist_ok=True)
            write_image(place, labels == number)


def test_in_per_object_layout_predictions_have_a_file_for_each_object_and_may_overlap(
    squares: Path, tmp_path: Path
) -> None:
    per_object_copy(squares, tmp_path / "data")
    (video,) = open_videos(tmp_path / "data")

    class Greedy(Oracle):
        def propagate(self) -> Iterator[tuple[int, Frame]]:
            for frame, found in super().propagate():
                yield frame, {i: Predicted(mask=np.ones((64, 64), bool)) for i in found}

    protocol = protocol_of(video, Greedy(video), tmp_path / "masks", VosOptions())
    scores = list(protocol.evaluate(protocol.units()[0]))
    assert values(scores, "J")[1][2] == values(scores, "J")[5][2] == pytest.approx(400 / 4096)
    place = tmp_path / "masks/oracle/mask/two"
    names = sorted(str(path.relative_to(place)) for path in place.rglob("00002.png"))
    assert names == ["001/00002.png", "002/00002.png", "005/00002.png"]


def test_in_palette_layout_a_pixel_has_one_object(videos: dict[str, AnnotatedVideo], tmp_path: Path) -> None:
    class Greedy(Oracle):
        def propagate(self) -> Iterator[tuple[int, Frame]]:
            for frame, found in super().propagate():
                yield frame, {i: Predicted(mask=np.ones((64, 64), bool)) for i in found}

    protocol = protocol_of(videos["two"], Greedy(videos["two"]), tmp_path, VosOptions())
    scores = list(protocol.evaluate(protocol.units()[0]))
    assert values(scores, "J")[5][2] == 0.0  # object 1 has them all
    assert set(np.unique(np.array(Image.open(tmp_path / "oracle/mask/two/00002.png")))) == {1}


def test_a_white_object_is_predicted_white_so_that_official_evaluators_find_it(squares: Path, tmp_path: Path) -> None:
    shutil.copytree(squares / "JPEGImages/one", tmp_path / "data/JPEGImages/one")
    (tmp_path / "data/Annotations/one").mkdir(parents=True)
    for path in sorted((squares / "Annotations/one").iterdir()):
        Image.fromarray(255 * np.array(Image.open(path))).save(tmp_path / "data/Annotations/one" / path.name)
    (video,) = open_videos(tmp_path / "data")
    protocol = protocol_of(video, Oracle(video), tmp_path / "masks", VosOptions())
    assert {score.object_id for score in protocol.evaluate(protocol.units()[0])} == {1, None}
    written = np.array(Image.open(tmp_path / "masks/oracle/mask/one/00002.png"))
    assert set(np.unique(written)) == {0, 255}
    _, found = scores_of(job_of(tmp_path / "data", tmp_path / "masks/oracle/mask"), tmp_path / "run")
    assert found["J&F"] == 1.0


def test_wrong_options_are_errors(videos: dict[str, AnnotatedVideo], tmp_path: Path, squares: Path) -> None:
    with pytest.raises(ValueError, match="click-2"):
        VosOptions(prompts=("click-2",))
    with pytest.raises(ValueError, match="at least 2"):
        VosOptions(limit=1)
    copy = PredictorSpec(name="other", model="copy")
    job = job_of(squares, squares / "Annotations")
    with pytest.raises(ValueError, match="both called 'other'"):
        build(Job(protocol="vos", data=job.data, predictors=(copy,), options=job.options), tmp_path)
    with pytest.raises(ValueError, match="no protocol 'nothing'"):
        build(Job(protocol="nothing", data=job.data, predictors=(), options={}), tmp_path)
    late = AnnotatedVideo(
        name="late",
        frames=videos["two"].frames,
        annotations=videos["two"].annotations,
        targets=[target for target in videos["two"].targets if target.object_id == 2],
        scored=videos["two"].scored,
        groups={},
    )
    protocol = protocol_of(late, Oracle(late), tmp_path, VosOptions(limit=3))
    with pytest.raises(ValueError, match="late: no object begins within 3 frames"):
        protocol.evaluate(protocol.units()[0])


def test_davis_from_a_few_copied_frames(shared: Path, tmp_path: Path) -> None:
    job = Job(
        protocol="vos",
        data=str(shared / "data/davis_dev"),
        predictors=(PredictorSpec(name="copy", model="copy"),),
        options={"prompts": ["mask"], "limit": 3, "keep": False},
    )
    scores, found = scores_of(job, tmp_path)
    assert len({score.sequence for score in scores}) == 6
    assert 0.5 < found["J&F"] < 1
