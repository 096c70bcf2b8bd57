"""Clicks, boxes and everything-mode on pictures, with predictors whose answers are known."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from masklet.data.pictures import AnnotatedPicture
from masklet.data.sequences import Mask
from masklet.masks.rle import Rle
from masklet.media import write_image
from masklet.metrics.manifest import Job
from masklet.metrics.protocols.images import ImageOptions, ImageProtocol
from masklet.metrics.results import Score
from masklet.metrics.run import build
from masklet.model.configs import NANO
from masklet.model.sam2 import Sam2
from masklet.session import ImagePredictor
from masklet.session.everything import EverythingOptions, Segment
from masklet.session.image import Prediction

SIZE = (10, 20)


def block(x0: int, x1: int, y0: int = 0, y1: int = SIZE[0]) -> Mask:
    mask = np.zeros(SIZE, bool)
    mask[y0:y1, x0:x1] = True
    return mask


@dataclass
class Clicker:
    """Answers every prompt by a rule; counts its answers in `low_res`, so that it can be told which one comes back."""

    rule: Callable[[list[tuple[float, float]], list[int], Sequence[float] | None], Sequence[tuple[Mask, float]]]
    proposals: Sequence[Segment] = ()
    answers: int = 0
    given_back: list[int] = field(default_factory=list)
    single: list[bool] = field(default_factory=list)

    def set_image(self, image: NDArray[np.uint8]) -> None:
        assert image.shape == (*SIZE, 3)

    def predict_many(
        self, *, points: Any = None, labels: Any = None, boxes: Any = None, multimask: bool = True
    ) -> list[Prediction]:
        if boxes is not None:
            return [self._answer([], [], box, multimask) for box in boxes]
        return [self._answer(*pair, None, multimask) for pair in zip(points, labels, strict=True)]

    def predict(self, *, points: Any = None, labels: Any = None, previous: Any = None, multimask: bool = True) -> Any:
        self.given_back.append(int(previous[0, 0]))
        return self._answer(points, labels, None, multimask)

    def everything(self, options: EverythingOptions | None = None) -> list[Segment]:
        assert options is not None
        assert options.pred_iou_thresh == options.stability_score_thresh == 0
        return list(self.proposals)

    def _answer(self, points: Any, labels: Any, box: Any, multimask: bool) -> Prediction:
        found = self.rule(points, labels, box)
        self.answers += 1
        self.single.append(not multimask)
        masks = np.stack([mask for mask, _ in found])
        return Prediction(
            masks=masks,
            logits=masks * 20.0 - 10,
            iou=np.array([iou for _, iou in found], np.float32),
            stability=np.ones(len(found), np.float32),
            low_res=np.full((len(found), 4, 4), self.answers, np.float32),
        )


@dataclass(frozen=True)
class Blocks:
    """Masks in memory."""

    masks: dict[int, Mask]
    void: Mask | None = None

    def mask(self, object_id: int) -> Mask:
        return self.masks[object_id]

    def ignored(self, object_id: int) -> Mask | None:  # noqa: ARG002
        return self.void

    def files(self) -> list[Path]:
        return []


class Still(AnnotatedPicture):
    """A black picture."""

    def image(self) -> NDArray[np.uint8]:
        return np.zeros((*SIZE, 3), np.uint8)


def still(name: str, masks: dict[int, Mask], void: Mask | None = None) -> Still:
    areas = {number: int(mask.sum()) for number, mask in masks.items()}
    return Still(name=name, path=Path(name), areas=areas, regions=Blocks(masks, void))


def scores(stills: Sequence[Still], clicker: Clicker, setting: str = "prompts", **options: Any) -> list[Score]:
    protocol = ImageProtocol(stills, {"stub": lambda: clicker}, ImageOptions(**options))
    return [row for unit in protocol.units() if unit.setting == setting for row in protocol.evaluate(unit)]


def values(rows: Sequence[Score], metric: str, object_id: int = 1) -> dict[str, float]:
    return {row.setting: row.value for row in rows if row.metric == metric and row.object_id == object_id}


def knowing(*masks: Mask) -> Clicker:
    """Who answers with the mask under the first click, or of that box."""

    def rule(points: Any, _labels: Any, box: Any) -> list[tuple[Mask, float]]:
        if box is not None:
            return [(next(mask for mask in masks if Rle.encode(mask).bbox == tuple(box)), 0.5)]
        x, y = points[0]
        return [(next(mask for mask in masks if mask[int(y), int(x)]), 0.5)]

    return Clicker(rule)


def test_who_knows_the_truth_has_it_with_one_click() -> None:
    masks = {1: block(0, 6), 2: block(8, 20, 2, 9)}
    rows = scores([still("a", masks)], knowing(*masks.values()), noc_limit=20)
    for number in masks:
        for metric in ("iou", "boundary_iou"):
            settings = [*(f"click-{count}" for count in range(1, 6)), "box"]
            assert values(rows, metric, number) == dict.fromkeys(settings, 1.0)
        assert values(rows, "predicted_iou", number) == dict.fromkeys(settings, 0.5)
        assert values(rows, "oracle_iou", number) == {"click-1": 1.0}
        for name in ("85", "90"):
            assert values(rows, f"NoC@{name}", number) == {"clicks": 1.0}
            assert values(rows, f"failed@{name}", number) == {"clicks": 0.0}


def test_the_predicted_iou_is_held_against_the_iou() -> None:
    masks = {1: block(0, 6), 2: block(8, 20, 2, 9)}
    protocol = ImageProtocol(
        [still("a", masks)], {"stub": lambda: knowing(*masks.values())}, ImageOptions(everything=0)
    )
    rows = [row for unit in protocol.units() for row in protocol.evaluate(unit)]
    errors = {figure.setting: figure for figure in protocol.figures(rows) if figure.metric == "iou_ece"}
    assert set(errors) == {*(f"click-{count}" for count in range(1, 6)), "box"}
    assert {(figure.value, figure.count) for figure in errors.values()} == {(0.5, 2)}  # it says 0.5, and is right


def sides(points: list[tuple[float, float]], labels: list[int], box: Any) -> list[tuple[Mask, float]]:
    """The halves that are clicked on, without the outer quarter where a click says no."""
    if box is not None:
        return [(block(0, 20), 1.0)]
    mask = np.zeros(SIZE, bool)
    for yes in (True, False):
        for (x, _), label in zip(points, labels, strict=True):
            if bool(label) == yes:
                low, high = ((0, 10) if x < 10 else (10, 20)) if yes else ((0, 5) if x < 10 else (15, 20))
                mask[:, low:high] = yes
    return [(mask, 0.25)]


def test_clicks_follow_the_errors_and_who_never_gets_there_is_counted() -> None:
    clicker = Clicker(sides)
    rows = scores([still("a", {1: block(4, 16)})], clicker)
    # The truth is columns 4..15. Clicks: on the left half, on the right half, off the left edge, off the right edge;
    # then columns 4 and 15 are missing for good.
    expected = [60 / 160, 120 / 200, 110 / 160, 100 / 120, 100 / 120]
    found = values(rows, "iou")
    assert [found[f"click-{count}"] for count in range(1, 6)] == pytest.approx(expected)
    assert found["box"] == pytest.approx(0.6)
    assert values(rows, "NoC@85") == values(rows, "NoC@90") == {"clicks": 20.0}
    assert values(rows, "failed@85") == values(rows, "failed@90") == {"clicks": 1.0}
    # The first answer (1) and the box (2) came as batches; from then on each answer is given back with the next click.
    assert clicker.given_back == [1, *range(3, 21)]
    assert clicker.single == [False] + [True] * 20


def test_clicking_ends_early_once_the_highest_iou_is_reached() -> None:
    truth = block(4, 16)
    improving = iter([block(4, 10), block(4, 12), block(4, 15), block(4, 16, 0, 9), block(4, 16, 1, 10), block(0, 1)])

    def rule(_points: Any, _labels: Any, box: Any) -> list[tuple[Mask, float]]:
        return [(truth if box is not None else next(improving), 0.5)]

    rows = scores([still("a", {1: truth})], Clicker(rule))
    assert values(rows, "NoC@85") == {"clicks": 3.0}  # 110 / 120
    assert values(rows, "NoC@90") == {"clicks": 3.0}
    assert values(rows, "iou")["click-5"] == pytest.approx(0.9)
    assert next(improving).sum() == 10  # the sixth answer was not asked for


def test_the_model_chooses_its_candidate_and_the_oracle_the_best() -> None:
    truth = block(4, 16)

    def rule(_points: Any, _labels: Any, box: Any) -> list[tuple[Mask, float]]:
        return [(truth, 0.1)] if box is not None else [(truth, 0.3), (block(4, 10), 0.9), (block(0, 1), 0.1)]

    rows = scores([still("a", {1: truth})], Clicker(rule), clicks=1, noc_limit=None)
    assert values(rows, "iou") == {"click-1": 0.5, "box": 1.0}
    assert values(rows, "predicted_iou")["click-1"] == pytest.approx(0.9)
    assert values(rows, "oracle_iou") == {"click-1": 1.0}
    assert not values(rows, "NoC@85")


def test_only_the_largest_objects_are_prompted_and_none_below_the_least_area() -> None:
    masks = {1: block(0, 2), 2: block(3, 9), 3: block(10, 20), 4: block(2, 3, 0, 2)}
    clicker = knowing(*masks.values())
    assert {row.object_id for row in scores([still("a", masks)], clicker, objects=2)} == {2, 3}
    assert {row.object_id for row in scores([still("a", masks)], clicker, min_area=3)} == {1, 2, 3}
    assert scores([still("a", masks)], clicker, min_area=1000) == []


def test_of_equal_objects_the_lower_ids_are_taken() -> None:
    masks = {3: block(0, 2), 1: block(4, 6), 2: block(8, 10)}
    assert {row.object_id for row in scores([still("a", masks)], knowing(*masks.values()), objects=2)} == {1, 2}


def test_pixels_that_do_not_count_are_neither_scored_nor_clicked() -> None:
    truth, void = block(4, 16), block(16, 18) | block(2, 4)

    def rule(_points: Any, _labels: Any, _box: Any) -> list[tuple[Mask, float]]:
        return [(block(3, 17), 0.5)]

    clicker = Clicker(rule)
    rows = scores([still("a", {1: truth}, void)], clicker)
    assert values(rows, "iou") == dict.fromkeys([*(f"click-{count}" for count in range(1, 6)), "box"], 1.0)
    assert values(rows, "NoC@90") == {"clicks": 1.0}
    assert values(rows, "oracle_iou") == {"click-1": 1.0}
    assert not values(rows, "boundary_iou")
    assert not clicker.given_back


def proposal(mask: Mask, iou: float, stability: float = 0.0) -> Segment:
    return Segment(Rle.encode(mask), iou, stability, (0.0, 0.0), (0, 0, SIZE[1], SIZE[0]))


def test_everything_mode_is_judged_by_recall_of_its_best_proposals() -> None:
    masks = {1: block(0, 10), 2: block(10, 20)}
    found = [
        proposal(block(0, 6), 0.9, 0.1),  # IoU 0.6 with object 1: found at 0.5, 0.55 and 0.6
        proposal(block(10, 20), 0.2, 0.3),  # the truth, but ranked last
        proposal(block(3, 17), 0.5, 0.4),
    ]
    clicker = Clicker(sides, proposals=found)
    rows = scores([still("a", masks)], clicker, "everything", proposals=1000)
    assert values(rows, "AR", 1) == values(rows, "AR_small", 1) == {"everything-1000": pytest.approx(0.3)}
    assert values(rows, "AR", 2) == values(rows, "AR_small", 2) == {"everything-1000": 1.0}
    assert not values(rows, "AR_medium", 1)
    few = scores([still("a", masks)], clicker, "everything", proposals=2)
    assert values(few, "AR", 2) == {"everything-2": 0.0}


def test_units_are_pictures_and_everything_mode_is_spread_over_them() -> None:
    stills = [still(name, {1: block(0, 9)}) for name in "abcdef"]
    protocol = ImageProtocol(stills, {"x": knowing, "y": knowing}, ImageOptions(everything=2))
    units = protocol.units()
    assert [unit.key for unit in units if unit.predictor == "y"] == [
        *("y/prompts/a", "y/everything/a", "y/prompts/b", "y/prompts/c"),
        *("y/prompts/d", "y/everything/d", "y/prompts/e", "y/prompts/f"),
    ]
    assert len(units) == 16


def tiny() -> ImagePredictor:
    torch.manual_seed(0)
    return ImagePredictor(Sam2(NANO.at(64)).eval())


def test_a_model_is_measured_and_the_protocol_goes_to_workers_without_it() -> None:
    masks = {1: block(0, 6), 2: block(8, 20, 2, 9)}
    options = ImageOptions(noc_limit=6, points_per_side=2)
    protocol = ImageProtocol([still("a", masks)], {"tiny": tiny}, options)
    rows = [row for unit in protocol.units() for row in protocol.evaluate(unit)]
    figures = {(figure.setting, figure.metric): figure for figure in protocol.figures(rows)}
    shares = [figure.value for (_, metric), figure in figures.items() if not metric.startswith("NoC")]
    assert 0 <= min(shares) <= max(shares) <= 1
    assert {setting for setting, _ in figures} == {
        *(f"click-{count}" for count in range(1, 6)),
        *("box", "clicks", "everything-1000"),
    }
    assert figures["click-1", "iou"].count == 2
    assert figures["click-1", "oracle_iou"].value >= figures["click-1", "iou"].value
    again = pickle.loads(pickle.dumps(protocol))
    assert [row for unit in again.units() for row in again.evaluate(unit)] == rows


def test_all_files_that_are_read_are_named_for_their_checksums(tmp_path: Path) -> None:
    mask = np.zeros(SIZE, np.uint8)
    mask[2:8, 3:9] = 255
    labels, grey, coco = (tmp_path / name for name in ("labels", "grey", "coco"))
    for folder in (labels / "images", labels / "masks", grey / "data_GT", grey / "boundary_GT", coco / "images"):
        folder.mkdir(parents=True)
        for name in ("x", "y"):
            write_image(folder / f"{name}.png", mask)
    listing = {
        "images": [{"id": 1, "file_name": "x.png", "height": SIZE[0], "width": SIZE[1]}],
        "annotations": [{"id": 5, "image_id": 1, "segmentation": Rle.encode(mask > 0).to_coco(), "iscrowd": 0}],
        "categories": [],
    }
    (coco / "instances.json").write_text(json.dumps(listing))
    found = {}
    for root in (labels, grey, coco):
        job = Job(protocol="images", data=str(root), predictors=(), options={"pictures": 1})
        files = build(job, tmp_path).files
        found[root.name] = {name: [str(path.relative_to(root)) for path in paths] for name, paths in files.items()}
    assert found == {
        "labels": {"x": ["images/x.png", "masks/x.png"]},
        "grey": {"x": ["data_GT/x.png", "boundary_GT/x.png"]},
        "coco": {"x": ["images/x.png"], "instances.json": ["instances.json"]},
    }


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"clicks": 0}, "clicks is at least 1, got 0"),
        ({"objects": 0}, "objects is at least 1, got 0"),
        ({"noc_limit": 4}, "at least the 5 clicks that are made, got 4"),
        ({"everything": -1}, "everything is at least 0, got -1"),
        ({"points_per_side": 0}, "points_per_side is at least 1, got 0"),
    ],
)
def test_options_are_checked(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ImageOptions(**options)
