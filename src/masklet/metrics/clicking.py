"""One object of one picture, clicked on until it is right: the loop of interactive segmentation.

The first click lies at the centre of the object's mask, each further one at the centre of the largest error; the model
sees all clicks so far and the logits of its last answer. One click is ambiguous, so of its candidates the one of
highest predicted IoU is taken; after that there is a single mask (SAM 2 paper, section 6.2; SAM paper, section 7.1).

Legend: H W picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from masklet.data.sequences import Mask
from masklet.metrics.jf import region_similarity
from masklet.metrics.users import correction_click, first_click
from masklet.session.everything import EverythingOptions, Segment
from masklet.session.image import Prediction


class Segmenter(Protocol):
    """Who answers: `masklet.ImagePredictor`, or anything like it."""

    def set_image(self, image: NDArray[np.uint8]) -> None: ...

    def predict(
        self,
        *,
        points: ArrayLike | None = None,
        labels: ArrayLike | None = None,
        previous: NDArray[np.floating[Any]] | None = None,
        multimask: bool = True,
    ) -> Prediction: ...

    def predict_many(
        self,
        *,
        points: ArrayLike | None = None,
        labels: ArrayLike | None = None,
        boxes: ArrayLike | None = None,
        multimask: bool = True,
    ) -> list[Prediction]: ...

    def everything(self, options: EverythingOptions | None = None) -> list[Segment]: ...


@dataclass(frozen=True, slots=True)
class Wanted:
    """An object [H, W], and the pixels [H, W] that do not count for it; None: all do."""

    mask: Mask
    ignored: Mask | None = None

    def answer(self, prediction: Prediction, index: int) -> Answer:
        """Candidate `index` of a prediction, judged."""
        mask = self.counted(prediction.masks[index])
        predicted = min(max(float(prediction.iou[index]), 0.0), 1.0)
        return Answer(mask, region_similarity(mask, self.mask), predicted)

    def counted(self, mask: Mask) -> Mask:
        """The mask without the pixels that do not count."""
        return mask if self.ignored is None else mask & ~self.ignored


@dataclass(frozen=True, slots=True)
class Answer:
    """A mask [H, W], its IoU with what is wanted, and the model's own estimate of that; both 0..1."""

    mask: Mask
    iou: float
    predicted: float


def click_answers(
    segmenter: Segmenter, wanted: Wanted, first: Prediction, *, at_least: int, limit: int, enough: float
) -> list[Answer]:
    """The answers after 1, 2, .. clicks, given the candidates `first` that the first click led to.

    Clicks are made `at_least` so often, then until one answer has an IoU of `enough` or there are `limit` clicks. Where
    nothing is wrong, the answer stays as it is.
    """
    points, labels = [first_click(wanted.mask)], [1]
    answers = [wanted.answer(first, first.best)]
    previous = first.low_res[first.best]
    while len(answers) < limit and (len(answers) < at_least or max(answer.iou for answer in answers) < enough):
        click = correction_click(answers[-1].mask, wanted.mask)
        if click is None:
            answers.append(answers[-1])
            continue
        points.append((click.x, click.y))
        labels.append(int(click.positive))
        found = segmenter.predict(points=points, labels=labels, previous=previous, multimask=False)
        answers.append(wanted.answer(found, 0))
        previous = found.low_res[0]
    return answers
