"""Every predictor takes every prompt, objects begin where they are prompted, and corrections count."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from masklet.data.sequences import AnnotatedVideo, Mask
from masklet.masks import Rle
from masklet.metrics.jf import region_similarity
from masklet.metrics.predictors import (
    Frame,
    Predicted,
    Predictor,
    PredictorSpec,
    box_prompt,
    click_prompt,
    load_predictor,
    mask_prompt,
)
from masklet.metrics.users import Click, first_click, mask_box
from masklet.session import Prompt, VideoSession

Make = Callable[[str], Predictor]


@pytest.fixture
def make(tiny: Path) -> Make:
    def predictor(name: str) -> Predictor:
        model = str(tiny) if name == "model" else name
        return load_predictor(PredictorSpec(name=name, model=model, device="cpu", image_model=str(tiny)))

    return predictor


def prompts_of(mask: Mask) -> dict[str, Prompt]:
    x, y = first_click(mask)
    return {
        "mask": mask_prompt(mask),
        "box": box_prompt(mask_box(mask)),
        "click": click_prompt(Click(x=x, y=y, positive=True)),
    }


def truth(video: AnnotatedVideo, frame: int, object_id: int) -> Mask:
    return video.annotations.masks(frame)[object_id]


@pytest.mark.parametrize("name", ["copy", "flow", "model"])
@pytest.mark.parametrize("kind", ["mask", "box", "click"])
def test_every_predictor_takes_every_prompt(
    make: Make, videos: dict[str, AnnotatedVideo], name: str, kind: str
) -> None:
    video = videos["one"]
    with closing(make(name).open(video.clip())) as tracking:
        answer = tracking.prompt(0, 7, prompts_of(truth(video, 0, 1))[kind])
        frames = dict(tracking.propagate())
    assert list(frames) == list(range(len(video)))
    assert all(list(found) == [7] for found in frames.values())
    assert {found[7].mask.shape for found in frames.values()} == {(64, 64)}
    assert np.array_equal(frames[0][7].mask, answer.mask)
    if kind == "mask":
        assert region_similarity(answer.mask, truth(video, 0, 1)) > (0.7 if name == "model" else 0.999)


def test_a_session_says_what_it_thinks_of_its_masks(make: Make, videos: dict[str, AnnotatedVideo]) -> None:
    video = videos["one"]
    with closing(make("model").open(video.clip())) as tracking:
        tracking.prompt(0, 1, mask_prompt(truth(video, 0, 1)))
        for _, found in tracking.propagate():
            assert found[1].iou is not None
            assert 0 <= found[1].iou <= 1
            assert found[1].score is not None
            assert found[1].visible == (found[1].score > 0)


def test_the_session_predictor_is_the_session(make: Make, tiny: Path, videos: dict[str, AnnotatedVideo]) -> None:
    import masklet

    video = videos["one"]
    prompt = mask_prompt(truth(video, 0, 1))
    with closing(make("model").open(video.clip())) as tracking:
        tracking.prompt(0, 1, prompt)
        mine = [found[1].mask for _, found in tracking.propagate()]
    with VideoSession(masklet.load_model(tiny, device="cpu"), video.clip()) as session:
        session.prompt(0, 1, mask=truth(video, 0, 1))
        assert all(np.array_equal(a, r.objects[1].mask) for a, r in zip(mine, session.propagate(), strict=True))


def test_copy_stands_still_and_flow_follows(make: Make, videos: dict[str, AnnotatedVideo]) -> None:
    video = videos["one"]
    last: dict[str, Frame] = {}
    for name in ("copy", "flow"):
        with closing(make(name).open(video.clip())) as tracking:
            tracking.prompt(0, 1, mask_prompt(truth(video, 0, 1)))
            last[name] = dict(tracking.propagate())[5]
    assert np.array_equal(last["copy"][1].mask, truth(video, 0, 1))
    overlap = {name: (found[1].mask & truth(video, 5, 1)).sum() for name, found in last.items()}
    assert overlap["flow"] > 0.7 * 400 > overlap["copy"]


@pytest.mark.parametrize("name", ["copy", "flow", "model"])
def test_an_object_is_there_from_its_prompt_on(make: Make, videos: dict[str, AnnotatedVideo], name: str) -> None:
    video = videos["two"]
    seen: dict[int, list[int]] = {}
    with closing(make(name).open(video.clip())) as tracking:
        tracking.prompt(1, 1, mask_prompt(truth(video, 1, 1)))
        for frame, found in tracking.propagate():
            seen[frame] = sorted(found)
            if frame == 2:
                tracking.prompt(3, 2, mask_prompt(truth(video, 3, 2)))
    assert seen == {1: [1], 2: [1]} | {frame: [1, 2] for frame in range(3, 8)}


@pytest.mark.parametrize("name", ["copy", "flow", "model"])
def test_a_correction_on_the_way_counts_for_what_follows(
    make: Make, videos: dict[str, AnnotatedVideo], name: str
) -> None:
    video = videos["one"]
    with closing(make(name).open(video.clip())) as tracking:
        tracking.prompt(0, 1, mask_prompt(truth(video, 0, 1)))
        later = {}
        for frame, found in tracking.propagate():
            later[frame] = found[1].mask
            if frame == 4:
                tracking.prompt(4, 1, mask_prompt(truth(video, 4, 1)))
    with closing(make(name).open(video.clip())) as tracking:
        tracking.prompt(0, 1, mask_prompt(truth(video, 0, 1)))
        without = {frame: found[1].mask for frame, found in tracking.propagate()}
    assert all(np.array_equal(later[frame], without[frame]) for frame in range(5))
    if name == "copy":
        assert np.array_equal(later[5], truth(video, 4, 1))
    if name == "flow":
        assert not np.array_equal(later[5], without[5])


@pytest.mark.parametrize("name", ["copy", "flow", "model"])
def test_frames_gone_by_can_be_corrected_and_all_followed_again(
    make: Make, videos: dict[str, AnnotatedVideo], name: str
) -> None:
    video = videos["one"]
    with closing(make(name).open(video.clip(), revisit=True)) as tracking:
        tracking.prompt(0, 1, mask_prompt(truth(video, 0, 1)))
        list(tracking.propagate())
        answer = tracking.prompt(3, 1, mask_prompt(truth(video, 3, 1)))
        again = {frame: found[1].mask for frame, found in tracking.propagate()}
    assert list(again) == list(range(8))
    assert np.array_equal(answer.mask, again[3])
    if name == "copy":
        assert np.array_equal(again[2], truth(video, 0, 1))
        assert np.array_equal(again[7], truth(video, 3, 1))


CLICKS = (Click(x=12, y=27, positive=True), Click(x=3, y=60, positive=False))
POINTS, LABELS = [(12, 27), (3, 60)], [1, 0]


def test_clicks_on_a_baseline_are_those_of_the_image_model(
    make: Make, tiny: Path, videos: dict[str, AnnotatedVideo]
) -> None:
    video = videos["one"]
    image = PredictorSpec(name="a", model=str(tiny), device="cpu").image_predictor()
    image.set_image(video.frame(2))
    first = image.predict(points=POINTS[:1], labels=LABELS[:1])
    second = image.predict(points=POINTS, labels=LABELS, previous=first.low_res[first.best], multimask=False)
    with closing(make("copy").open(video.clip())) as tracking:
        answers = [tracking.prompt(2, 1, click_prompt(click)) for click in CLICKS]
        frames = dict(tracking.propagate())
    assert np.array_equal(answers[0].mask, first.masks[first.best])
    assert np.array_equal(answers[1].mask, second.masks[0])
    assert answers[1].iou == pytest.approx(float(second.iou[0].clip(0, 1)))
    assert np.array_equal(frames[7][1].mask, answers[1].mask)


def test_a_correction_of_a_baseline_refines_what_was_carried_there(
    make: Make, tiny: Path, videos: dict[str, AnnotatedVideo]
) -> None:
    video = videos["one"]
    image = PredictorSpec(name="a", model=str(tiny), device="cpu").image_predictor()
    image.set_image(video.frame(3))
    refined = image.predict(points=POINTS[1:], labels=LABELS[1:], mask=truth(video, 0, 1), multimask=False)
    with closing(make("copy").open(video.clip())) as tracking:
        tracking.prompt(0, 1, mask_prompt(truth(video, 0, 1)))
        for frame, _ in tracking.propagate():
            if frame == 3:
                assert np.array_equal(tracking.prompt(3, 1, click_prompt(CLICKS[1])).mask, refined.masks[0])


def test_clicks_on_a_session_add_up(make: Make, tiny: Path, videos: dict[str, AnnotatedVideo]) -> None:
    import masklet

    video = videos["one"]
    with closing(make("model").open(video.clip())) as tracking:
        tracking.prompt(0, 1, mask_prompt(truth(video, 0, 1)))
        tracking.prompt(0, 1, box_prompt((3, 3, 40, 50)))  # starts anew
        mine = [tracking.prompt(0, 1, click_prompt(click)) for click in CLICKS][-1]
    with VideoSession(masklet.load_model(tiny, device="cpu"), video.clip()) as session:
        session.prompt(0, 1, mask=truth(video, 0, 1))
        session.prompt(0, 1, box=(3, 3, 40, 50))
        for point, label in zip(POINTS, LABELS, strict=True):
            session.prompt(0, 1, points=[point], labels=[label], replace=False)
        assert np.array_equal(mine.mask, session.result(0).objects[1].mask)
        assert session.prompts(1)[0] == Prompt(((12.0, 27.0), (3.0, 60.0)), (1, 0), (3.0, 3.0, 40.0, 50.0))


def test_objects_do_not_overlap_where_that_is_asked_of_a_session(make: Make, videos: dict[str, AnnotatedVideo]) -> None:
    video = videos["two"]
    whole = np.ones((64, 64), bool)
    with closing(make("model").open(video.clip(), overlap=False)) as tracking:
        tracking.prompt(0, 1, mask_prompt(whole))
        tracking.prompt(0, 2, mask_prompt(whole))
        for _, found in tracking.propagate():
            assert not (found[1].mask & found[2].mask).any()


def test_nothing_prompted_is_an_error(make: Make, videos: dict[str, AnnotatedVideo]) -> None:
    for name in ("copy", "model"):
        with closing(make(name).open(videos["one"].clip())) as tracking, pytest.raises(ValueError, match="no prompt"):
            list(tracking.propagate())


def test_a_prompt_that_does_not_fit_is_an_error(make: Make, videos: dict[str, AnnotatedVideo]) -> None:
    with closing(make("copy").open(videos["one"].clip())) as tracking, pytest.raises(ValueError, match="outside"):
        tracking.prompt(0, 1, click_prompt(Click(x=99, y=3, positive=True)))


def test_a_predictor_is_made_once_and_unknown_models_are_errors(tiny: Path) -> None:
    spec = PredictorSpec(name="a", model=str(tiny), device="cpu")
    assert load_predictor(spec) is load_predictor(PredictorSpec(name="a", model=str(tiny), device="cpu"))
    with pytest.raises(FileNotFoundError, match="nowhere"):
        load_predictor(PredictorSpec(name="b", model="nowhere.safetensors", device="cpu"))


def test_visibility_is_the_scores_else_the_masks() -> None:
    full, empty = np.ones((2, 2), bool), Rle.empty(2, 2).decode()
    assert Predicted(mask=full).visible
    assert not Predicted(mask=empty).visible
    assert not Predicted(mask=full, score=-1.0).visible
    assert Predicted(mask=empty, score=0.5).visible
