"""Segment anything in images: simulated clicks and boxes, and everything-mode (SAM 2 paper, section 6.2 and appendix).

Each object of a picture is clicked on (see `masklet.metrics.clicking`) and, apart from that, given by its tight box.
NoC is the number of clicks until an IoU is reached (RITM, Sofiiuk et al., 2021). Everything-mode is judged as
proposals: average recall at 1000 (SAM paper, section 7.3 and appendix D.3).

Legend: N objects, C candidates, H W picture.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from masklet.data.frames import frames_as_pictures, spread
from masklet.data.layouts import LAYOUTS, open_videos
from masklet.data.layouts.coco import find_json
from masklet.data.layouts.stills import GreyRegions, LabelRegions, ObjectFileRegions
from masklet.data.pictures import AnnotatedPicture, open_pictures
from masklet.masks.rle import Rle
from masklet.metrics.calibration import reliability
from masklet.metrics.clicking import Segmenter, Wanted, click_answers
from masklet.metrics.manifest import Job
from masklet.metrics.overlap import boundary_iou
from masklet.metrics.protocols.base import Unit
from masklet.metrics.recall import SIZES, object_recall, of_size, rle_iou
from masklet.metrics.results import Figure, Score, figures
from masklet.metrics.run import Evaluation
from masklet.metrics.users import clicks_to_reach, first_click, mask_box
from masklet.session.everything import EverythingOptions

REACHED = {"85": 0.85, "90": 0.90}
PROMPTS, EVERYTHING = "prompts", "everything"
METRICS = (
    "iou",
    "oracle_iou",
    "boundary_iou",
    "predicted_iou",
    *(f"NoC@{name}" for name in REACHED),
    *(f"failed@{name}" for name in REACHED),
    "AR",
    *(f"AR_{size}" for size in SIZES),
)
Row = tuple[int, str, str, float]
"""Object, setting, metric, value."""

_PIXELS_AT_ONCE = 1 << 25
"""Candidates are answered at picture size, so that objects go in groups of this many pixels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageOptions:
    """What is measured.

    Attributes
    ----------
    pictures: at most so many, evenly spread over the set; None: all.
    clicks: clicks whose IoU is reported, 1 or more.
    noc_limit: clicks after which NoC gives up; None: NoC is not measured.
    objects: the N largest objects of a picture are prompted (of equal ones the lower ids); None: all.
    min_area: objects of fewer pixels are left out, in everything-mode too.
    everything: everything-mode on at most so many of the pictures, evenly spread; None: on all, 0: on none.
    points_per_side, proposals: of everything-mode: its grid, and how many masks of a picture count, by score.
    """

    pictures: int | None = None
    clicks: int = 5
    noc_limit: int | None = 20
    objects: int | None = None
    min_area: int = 1
    everything: int | None = 25
    points_per_side: int = 32
    proposals: int = 1000

    def __post_init__(self) -> None:
        for name in ("pictures", "clicks", "objects", "min_area", "proposals", "everything"):
            value, least = getattr(self, name), 0 if name == "everything" else 1
            if value is not None and value < least:
                raise ValueError(f"{name} is at least {least}, got {value}")
        if self.noc_limit is not None and self.noc_limit < self.clicks:
            raise ValueError(f"noc_limit is at least the {self.clicks} clicks that are made, got {self.noc_limit}")
        _proposal_options(self.points_per_side)


class ImageProtocol:
    """Clicks, boxes and everything-mode on a set of pictures.

    Parameters
    ----------
    pictures: the set; names are unique.
    predictors: name -> how to make it; called once in each process, when it is first needed.
    """

    name = "images"

    def __init__(
        self,
        pictures: Sequence[AnnotatedPicture],
        predictors: Mapping[str, Callable[[], Segmenter]],
        options: ImageOptions | None = None,
    ) -> None:
        self.options = options or ImageOptions()
        self._pictures = {picture.name: picture for picture in pictures}
        self._predictors = dict(predictors)
        self._made: dict[str, Segmenter] = {}

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_made": {}}  # a worker loads its own models

    def units(self) -> Sequence[Unit]:
        """One for each picture, and one more for everything-mode on it."""
        names = [name for name, picture in self._pictures.items() if self._objects(picture)]
        chosen = set(spread(names, self.options.everything))
        return [
            Unit(predictor=predictor, setting=setting, sequence=name)
            for predictor in self._predictors
            for name in names
            for setting in ((PROMPTS, EVERYTHING) if name in chosen else (PROMPTS,))
        ]

    def evaluate(self, unit: Unit) -> Sequence[Score]:
        """The scores of every object of one picture. Raises ValueError that names a file that cannot be read."""
        picture = self._pictures[unit.sequence]
        segmenter = self._segmenter(unit.predictor)
        segmenter.set_image(picture.image())
        rows = (self._everything if unit.setting == EVERYTHING else self._prompts)(segmenter, picture)
        return [unit.score(metric, value, object_id=number, setting=setting) for number, setting, metric, value in rows]

    def figures(self, scores: Sequence[Score]) -> list[Figure]:
        """Means over objects, an AR of a size over the objects of that size; and calibration of the predicted IoU."""
        pairs: dict[tuple[str, str], dict[str, list[float]]] = {}
        for score in scores:
            if score.metric in ("iou", "predicted_iou"):
                lists = pairs.setdefault((score.predictor, score.setting), {"iou": [], "predicted_iou": []})
                lists[score.metric].append(score.value)
        errors = [
            Figure(
                predictor=predictor,
                setting=setting,
                metric="iou_ece",
                value=reliability(lists["predicted_iou"], lists["iou"]).error,
                count=len(lists["iou"]),
            )
            for (predictor, setting), lists in pairs.items()
        ]
        return [*figures(scores, METRICS), *errors]

    def describe(self) -> dict[str, Any]:
        """The options."""
        return asdict(self.options)

    def _segmenter(self, name: str) -> Segmenter:
        if name not in self._made:
            self._made[name] = self._predictors[name]()
        return self._made[name]

    def _objects(self, picture: AnnotatedPicture) -> list[int]:
        return [number for number, area in picture.areas.items() if area >= self.options.min_area]

    def _prompts(self, segmenter: Segmenter, picture: AnnotatedPicture) -> Iterator[Row]:
        numbers = self._objects(picture)
        largest = sorted(numbers, key=lambda number: (-picture.areas[number], number))[: self.options.objects]
        objects = {number: Wanted(picture.mask(number), picture.ignored(number)) for number in sorted(largest)}
        step = max(1, _PIXELS_AT_ONCE // (3 * objects[largest[0]].mask.size))
        for start in range(0, len(objects), step):
            yield from self._prompt_some(segmenter, dict(list(objects.items())[start : start + step]))

    def _prompt_some(self, segmenter: Segmenter, objects: Mapping[int, Wanted]) -> Iterator[Row]:
        limit = self.options.noc_limit or self.options.clicks
        masks = [wanted.mask for wanted in objects.values()]
        clicked = segmenter.predict_many(points=[[first_click(mask)] for mask in masks], labels=[[1]] * len(masks))
        boxed = segmenter.predict_many(boxes=[mask_box(mask) for mask in masks], multimask=False)
        for (number, wanted), first, box in zip(objects.items(), clicked, boxed, strict=True):
            answers = click_answers(
                segmenter, wanted, first, at_least=self.options.clicks, limit=limit, enough=max(REACHED.values())
            )
            settings = {f"click-{count}": answer for count, answer in enumerate(answers[: self.options.clicks], 1)}
            settings["box"] = wanted.answer(box, 0)
            for setting, answer in settings.items():
                yield number, setting, "iou", answer.iou
                yield number, setting, "predicted_iou", answer.predicted
                if wanted.ignored is None:  # without the pixels along it, there is no boundary to speak of
                    yield number, setting, "boundary_iou", boundary_iou(answer.mask, wanted.mask)
            candidates = [wanted.answer(first, index).iou for index in range(len(first.masks))]
            yield number, "click-1", "oracle_iou", max(candidates)
            if self.options.noc_limit is not None:
                ious = [answer.iou for answer in answers]
                for name, threshold in REACHED.items():
                    yield number, "clicks", f"NoC@{name}", float(clicks_to_reach(ious, threshold, limit))
                    yield number, "clicks", f"failed@{name}", float(max(ious) < threshold)

    def _everything(self, segmenter: Segmenter, picture: AnnotatedPicture) -> Iterator[Row]:
        found = segmenter.everything(_proposal_options(self.options.points_per_side))
        # Ranked by the mean of predicted IoU and stability, as in the SAM paper's appendix D.3.
        best = sorted(found, key=lambda segment: segment.iou + segment.stability, reverse=True)
        kept = [segment.rle for segment in best[: self.options.proposals]]
        numbers = self._objects(picture)
        ious = rle_iou(kept, [Rle.encode(picture.mask(number)) for number in numbers])
        areas = np.array([picture.areas[number] for number in numbers])
        setting = f"everything-{self.options.proposals}"
        for number, value in zip(numbers, object_recall(ious), strict=True):
            yield number, setting, "AR", float(value)
        for size in SIZES:
            counted = of_size(areas, size)
            found_of_size = object_recall(ious, counted)
            for index in np.flatnonzero(counted):
                yield numbers[index], setting, f"AR_{size}", float(found_of_size[index])


def build(job: Job, _folder: Path) -> Evaluation:
    """The evaluation of a job on an image set, or on the annotated frames of videos.

    Raises
    ------
    ValueError: unknown options, a baseline among the predictors (they follow videos), or data that are not well-formed.
    """
    options = ImageOptions(**job.options)
    baseline = next((spec.name for spec in job.predictors if spec.baseline), None)
    if baseline is not None:
        raise ValueError(f"{baseline} carries masks from frame to frame: images are segmented by models only")
    pictures, files = _opened(job, options.pictures)
    predictors = {spec.name: spec.image_predictor for spec in job.predictors}
    return Evaluation(protocol=ImageProtocol(pictures, predictors, options), files=files)


def _opened(job: Job, count: int | None) -> tuple[list[AnnotatedPicture], dict[str, list[Path]]]:
    """The pictures of a job, and the files that are read of them."""
    folder = job.root / "JPEGImages"
    of_video = job.layout == "auto" and folder.is_dir() and any(path.is_dir() for path in folder.iterdir())
    if of_video or job.layout in LAYOUTS:
        videos = open_videos(job.root, job.layout, split=job.split)
        pictures = frames_as_pictures(videos, count)
        return pictures, {video.name: [*video.frames, *video.annotations.files()] for video in videos}
    if job.split is not None:
        raise ValueError(f"image sets have no splits, got {job.split!r}: give the folder of the part that is wanted")
    pictures = spread(open_pictures(job.root, job.layout), count)
    files = {picture.name: [picture.path, *_mask_files(picture)] for picture in pictures}
    listing = find_json(job.root)
    return pictures, files | ({} if listing is None else {listing.name: [listing]})


def _mask_files(picture: AnnotatedPicture) -> list[Path]:
    match picture.regions:
        case LabelRegions(path=path):
            return [path]
        case GreyRegions(paths=paths) | ObjectFileRegions(paths=paths):
            return list(paths.values())
        case _:
            return []  # run lengths, from the JSON


def _proposal_options(points_per_side: int) -> EverythingOptions:
    """No mask is dropped but for duplicates, and those late: proposals are judged by their recall."""
    return EverythingOptions(
        points_per_side=points_per_side, pred_iou_thresh=0, stability_score_thresh=0, box_nms_thresh=0.9
    )
