"""Judging a model while it is trained: a few clips and pictures through the protocols of `masklet evaluate`.

Figures are called as in the reports: J&F of clips, followed from the mask of their first frame, and the mIoU of objects
in pictures after clicks. They are means over few objects: they say how a run goes, not how good a model is.

Legend: H W picture.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from masklet.data.frames import frames_as_pictures, spread
from masklet.data.layouts import open_videos
from masklet.data.layouts.coco import find_json
from masklet.data.pictures import AnnotatedPicture, open_pictures
from masklet.data.sequences import AnnotatedVideo, Clip, Mask
from masklet.export.overlay import OverlayStyle, draw_masks, draw_prompts
from masklet.export.pages import Strip, data_uri
from masklet.export.text import draw_label, label_size
from masklet.metrics.predictors import SessionPredictor
from masklet.metrics.protocols.images import ImageOptions, ImageProtocol
from masklet.metrics.protocols.vos import VosOptions, VosProtocol
from masklet.metrics.report.strips import error_map
from masklet.metrics.results import Figure, Score
from masklet.metrics.tracking import Frame, Tracking
from masklet.metrics.users import first_click
from masklet.model.registry import order_for_convolutions
from masklet.model.sam2 import Sam2
from masklet.session import ImagePredictor

JF = "J&F"
CLICKS = (1, 5)
_NAME, _PROMPT = "model", "mask"
_STRIPS = 4
_FIELD = 320
_GAP = 4
_CHIP = (38, 41, 48)
_STYLE = OverlayStyle(fill=0.45, contour=3.0, labels=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """How much is looked at, out of what there is: evenly spread clips, their first frames, and pictures.

    Of a picture the `objects` largest objects are clicked on.
    """

    clips: int = 4
    frames: int = 32
    pictures: int = 24
    objects: int = 4

    def __post_init__(self) -> None:
        for name, least in (("clips", 0), ("frames", 2), ("pictures", 0), ("objects", 1)):
            if getattr(self, name) < least:
                raise ValueError(f"expected at least {least} {name} to validate on, got {getattr(self, name)}")


@dataclass(slots=True, kw_only=True)
class Validator:
    """Judges a model; called by the training loop.

    Attributes
    ----------
    strips: what the last model made of some clips and pictures.
    """

    videos: Sequence[AnnotatedVideo]
    pictures: Sequence[AnnotatedPicture]
    objects: int
    device: torch.device
    strips: list[Strip] = field(default_factory=list)

    @property
    def names(self) -> list[str]:
        """Of the figures."""
        clips = [JF] if self.videos else []
        return clips + ([f"click-{count} mIoU" for count in CLICKS] if self.pictures else [])

    def __call__(self, model: Sam2) -> Mapping[str, float]:
        """The figures of a model, each a share; `strips` show it."""
        model = model.to(self.device).eval()
        order_for_convolutions(model)
        self.strips = []
        found: dict[str, float] = {}
        if self.videos:
            found[JF] = self._follow(model)
        if self.pictures:
            found |= self._click(model)
        return found

    def _follow(self, model: Sam2) -> float:
        predictor = _Given(model)
        options = VosOptions(prompts=(_PROMPT,), keep=False)
        protocol = VosProtocol(self.videos, {_NAME: lambda: predictor}, options, Path())
        scores: list[Score] = []
        for unit, video in zip(protocol.units(), self.videos, strict=True):
            predictor.look_at = video.scored[-1]
            scores += protocol.evaluate(unit)
            if len(self.strips) < _STRIPS:
                self.strips.append(_clip_strip(video, predictor.seen))
        return _value(protocol.figures(scores), _PROMPT, JF)

    def _click(self, model: Sam2) -> dict[str, float]:
        predictor = ImagePredictor(model)
        options = ImageOptions(clicks=max(CLICKS), noc_limit=None, objects=self.objects, everything=0)
        protocol = ImageProtocol(self.pictures, {_NAME: lambda: predictor}, options)
        scores = [score for unit in protocol.units() for score in protocol.evaluate(unit)]
        self.strips += [_picture_strip(picture, predictor) for picture in spread(self.pictures, _STRIPS)]
        figures = protocol.figures(scores)
        return {f"click-{count} mIoU": _value(figures, f"click-{count}", "iou") for count in CLICKS}


def open_validation(folders: Iterable[Path], amount: Amount, device: torch.device) -> Validator:
    """What is validated on: folders of videos or of pictures, in any layout that `masklet evaluate` knows.

    Where there are videos but no pictures, frames of the videos are the pictures.

    Raises
    ------
    FileNotFoundError: no such folder, or no layout fits. ValueError: contents that are not what their layout says.
    """
    videos: list[AnnotatedVideo] = []
    pictures: list[AnnotatedPicture] = []
    for folder in folders:
        if _of_pictures(folder):
            pictures += open_pictures(folder)
        else:
            videos += open_videos(folder)
    chosen = [_shortened(video, amount.frames) for video in spread(videos, amount.clips)] if amount.clips else []
    if not amount.pictures:
        pictures = []
    elif pictures:
        pictures = spread(pictures, amount.pictures)
    elif videos:
        pictures = frames_as_pictures(videos, amount.pictures)
    return Validator(videos=chosen, pictures=pictures, objects=amount.objects, device=device)


class _Given(SessionPredictor):
    """A model that is in memory.

    Attributes
    ----------
    look_at: a frame of the next video. seen: object id -> [H, W], what was predicted on it.
    """

    def __init__(self, model: Sam2) -> None:
        self.name = _NAME
        self.model = model
        self.look_at = 0
        self.seen: dict[int, Mask] = {}

    def open(self, clip: Clip, *, overlap: bool = True, revisit: bool = False) -> Tracking:
        return _Watched(super().open(clip, overlap=overlap, revisit=revisit), self)


class _Watched:
    """A tracking that tells its predictor what there is on the frame that is looked at."""

    def __init__(self, tracking: Tracking, owner: _Given) -> None:
        self._owner = owner
        self._tracking = tracking
        self.prompt = tracking.prompt
        self.close = tracking.close

    def propagate(self) -> Iterator[tuple[int, Frame]]:
        for frame, found in self._tracking.propagate():
            if frame == self._owner.look_at:
                self._owner.seen = {number: predicted.mask for number, predicted in found.items()}
            yield frame, found


def _of_pictures(folder: Path) -> bool:
    """Whether a folder holds single pictures rather than videos."""
    if not folder.exists():
        raise FileNotFoundError(f"{folder}: no such file or folder")
    if folder.is_file() or find_json(folder) is not None:
        return True
    try:
        open_videos(folder)
    except FileNotFoundError:
        return True  # whose own error says what was looked for
    return False


def _shortened(video: AnnotatedVideo, frames: int) -> AnnotatedVideo:
    """The first frames of a video from where its first object begins. Raises ValueError where none of them counts."""
    stop = min(target.frame for target in video.targets) + frames
    if not any(frame < stop for frame in video.scored):
        raise ValueError(f"{video.name}: no annotated frame counts within the first {frames}; take more of them")
    return replace(
        video,
        frames=video.frames[:stop],
        targets=[target for target in video.targets if target.frame < stop],
        scored=tuple(frame for frame in video.scored if frame < stop),
    )


def _value(figures: Iterable[Figure], setting: str, metric: str) -> float:
    return next(figure.value for figure in figures if (figure.setting, figure.metric) == (setting, metric))


def _clip_strip(video: AnnotatedVideo, predicted: Mapping[int, Mask]) -> Strip:
    """First prompted frame, and the last scored frame as it is and as it was predicted."""
    first, last = min(target.frame for target in video.targets), video.scored[-1]
    start, end = video.frame(first), video.frame(last)
    truth = video.annotations.masks(last)
    fields = {
        f"mask given, frame {first}": draw_masks(start, video.annotations.masks(first), style=_STYLE),
        f"truth, frame {last}": draw_masks(end, truth, style=_STYLE),
        "prediction": draw_masks(end, predicted, style=_STYLE),
        "error": error_map(end, _union(truth), _union(predicted)),
    }
    iou = _iou(_union(truth), _union(predicted))
    return _strip(fields, video.name, f"followed to frame {last}: IoU {100 * iou:.0f} %")


def _picture_strip(picture: AnnotatedPicture, predictor: ImagePredictor) -> Strip:
    """The largest object of a picture, clicked on once."""
    number = max(picture.areas, key=lambda number: (picture.areas[number], -number))
    image, truth = picture.image(), picture.mask(number)
    click = first_click(truth)
    predictor.set_image(image)
    answer = predictor.predict(points=[click], labels=[1])
    found = answer.masks[answer.best]
    fields = {
        "1 click": draw_prompts(image, [{"points": [click]}]),
        "truth": draw_masks(image, {number: truth}, style=_STYLE),
        "prediction": draw_masks(image, {number: found}, style=_STYLE),
        "error": error_map(image, truth, found),
    }
    return _strip(fields, picture.name, f"1 click: IoU {100 * _iou(truth, found):.0f} %")


def _strip(fields: Mapping[str, NDArray[np.uint8]], title: str, text: str) -> Strip:
    sheet = _sheet(fields)
    height, width = sheet.shape[:2]
    alternative = f"{title}: {', '.join(fields)}; {text}"
    return Strip(address=data_uri(sheet), alternative=alternative, width=width, height=height, title=title, text=text)


def _sheet(fields: Mapping[str, NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Named pictures of one size: two by two where they are wide, else in a row."""
    height, width = next(iter(fields.values())).shape[:2]
    factor = _FIELD / max(height, width)
    height, width = max(round(height * factor), 1), max(round(width * factor), 1)
    columns = 2 if width >= height else len(fields)
    rows = -(-len(fields) // columns)
    sheet = np.full((rows * (height + _GAP) - _GAP, columns * (width + _GAP) - _GAP, 3), 128, np.uint8)
    for index, (name, picture) in enumerate(fields.items()):
        way = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
        small = np.asarray(cv2.resize(picture, (width, height), interpolation=way), np.uint8)
        draw_label(small, name, (_GAP + label_size(name, 12)[0] / 2, 12), _CHIP, size=12)
        row, column = divmod(index, columns)
        top, left = row * (height + _GAP), column * (width + _GAP)
        sheet[top : top + height, left : left + width] = small
    return sheet


def _union(masks: Mapping[int, Mask]) -> Mask:
    return np.any(np.stack(list(masks.values())), axis=0)


def _iou(truth: Mask, predicted: Mask) -> float:
    either = int((truth | predicted).sum())
    return int((truth & predicted).sum()) / either if either else 1.0
