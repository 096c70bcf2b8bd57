"""Segments objects in stills from clicks, boxes and masks.

Legend: N prompts, P points, C masks of a prompt (1 or 3), H W picture, S side of the model's image, h w = S / 16.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from PIL import Image
from torch import Tensor

from masklet.model.prompt_encoder import Points
from masklet.model.sam2 import Sam2
from masklet.session.everything import EverythingOptions, Segment, everything
from masklet.session.prepare import check_picture
from masklet.session.prompts import check_box, check_mask, check_points, model_points
from masklet.session.selection import stability, take_single
from masklet.session.still import CLAMP, Candidates, Cleanup, Selector, Still, decode, encode, mask_logits, resize

Picture = NDArray[np.uint8] | Image.Image

_PROMPTS_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class Prediction:
    """The C masks of one prompt: three candidates, or a single one.

    Attributes
    ----------
    masks
        [C, H, W] bool at the picture's size.
    logits
        [C, H, W] float32; the masks are where they exceed the predictor's threshold.
    iou
        [C] float32, the model's own estimate of each mask's IoU with the object, 0..1.
    stability
        [C] float32, IoU of the masks at logits > threshold + 1 and > threshold - 1; low where the edge is vague.
    low_res
        [C, 4h, 4w] float32 logits as the decoder gave them, within +-32: what `predict(previous=...)` refines.
    """

    masks: NDArray[np.bool_]
    logits: NDArray[np.float32]
    iou: NDArray[np.float32]
    stability: NDArray[np.float32]
    low_res: NDArray[np.float32]

    @property
    def best(self) -> int:
        """Index of the mask of highest estimated IoU."""
        return int(np.argmax(self.iou))


class ImagePredictor:
    """Looks at one picture or several once, then answers any number of prompts on them.

    Parameters
    ----------
    model
        A loaded model.
    threshold
        Logit above which a pixel belongs to a mask.
    max_hole_area, max_sprinkle_area
        Holes to fill and islands to drop, of at most so many pixels of the decoder's 4h x 4w mask; 0: none.
    single
        What to take where one mask is asked for; by default the single mask, or the best candidate where it is not
        stable (SAM 2, appendix D).

    Example
    -------
    >>> import numpy as np
    >>> from masklet.model.configs import NANO
    >>> from masklet.model.sam2 import Sam2
    >>> predictor = ImagePredictor(Sam2(NANO.at(64)).eval())
    >>> predictor.set_image(np.zeros((48, 80, 3), np.uint8))
    >>> predictor.predict(points=[[40, 20]], labels=[1]).masks.shape
    (3, 48, 80)
    """

    def __init__(
        self,
        model: Sam2,
        *,
        threshold: float = 0.0,
        max_hole_area: float = 0.0,
        max_sprinkle_area: float = 0.0,
        single: Selector = take_single,
    ) -> None:
        self.model = model
        self.threshold = threshold
        self._cleanup = Cleanup(threshold=threshold, holes=max_hole_area, sprinkles=max_sprinkle_area)
        self._single = single
        self._pictures: list[NDArray[np.uint8]] = []
        self._stills: list[Still] = []

    @torch.inference_mode()
    def set_image(self, image: Picture | Sequence[Picture]) -> None:
        """Looks at a picture, or at a list of them as one batch.

        A picture is an RGB array [H, W, 3] of uint8 or a Pillow image; sizes may differ within a list. Raises TypeError
        or ValueError for anything else, and then keeps what it had.
        """
        pictures = [image] if isinstance(image, np.ndarray | Image.Image) else list(image)
        if not pictures:
            raise ValueError("expected at least one picture, got an empty list")
        arrays = [_array(picture) for picture in pictures]
        self._stills = encode(self.model, arrays)
        self._pictures = arrays

    @property
    def stills(self) -> Sequence[Still]:
        """Features and sizes of the pictures that are set."""
        return tuple(self._stills)

    def reset(self) -> None:
        """Forgets the pictures."""
        self._pictures = []
        self._stills = []

    @torch.inference_mode()
    def predict(
        self,
        *,
        points: ArrayLike | None = None,
        labels: ArrayLike | None = None,
        box: ArrayLike | None = None,
        mask: NDArray[Any] | None = None,
        previous: NDArray[np.floating[Any]] | None = None,
        multimask: bool = True,
        image_index: int = 0,
    ) -> Prediction:
        """The masks of one object that any mix of prompts shows.

        Parameters
        ----------
        points, labels
            [P, 2] clicks x, y in pixels and [P] labels, 1 on the object (default) and 0 off it.
        box
            x0, y0, x1, y1 in pixels.
        mask
            [H, W] of 0 and 1: a rough mask to refine.
        previous
            Logits to refine instead: one mask of an earlier prediction's `low_res`, [4h, 4w] or [1, 4h, 4w].
        multimask
            Whether to return three candidates, best for a single ambiguous click, or one mask.
        image_index
            Which picture of the list, if several are set.

        Raises
        ------
        ValueError
            No prompt, or one that does not fit the picture.
        RuntimeError
            No picture is set.
        """
        still = self._still(image_index)
        clicks = self._clicks(still, points, labels, box)
        dense = self._dense(still, mask, previous)
        if clicks is None and dense is None:
            raise ValueError("expected a prompt: points, a box, a mask or previous logits")
        found = self.decode(still, clicks, dense, multimask=multimask)
        return self.finish(still, found, 0)

    @torch.inference_mode()
    def predict_many(
        self,
        *,
        points: ArrayLike | None = None,
        labels: ArrayLike | None = None,
        boxes: ArrayLike | None = None,
        multimask: bool = True,
        image_index: int = 0,
    ) -> list[Prediction]:
        """The masks of N objects on one picture, equal to N calls of `predict` but decoded as batches.

        `points` [N, P, 2] with `labels` [N, P], `boxes` [N, 4], or both. Raises as `predict` does.
        """
        still = self._still(image_index)
        if points is None and boxes is None:
            raise ValueError("expected prompts: points, boxes or both")
        sets = _rows(points, 3, "points of shape [N, P, 2]")
        marks = _rows(labels, 2, "labels of shape [N, P]")
        corners = _rows(boxes, 2, "boxes of shape [N, 4]")
        counts = {len(rows) for rows in (sets, marks, corners) if rows is not None}
        if len(counts) > 1:
            raise ValueError(
                f"expected as many points as labels and boxes, got {' and '.join(map(str, sorted(counts)))}"
            )
        count = counts.pop()
        rows = [
            self._clicks(
                still,
                None if sets is None else sets[n],
                None if marks is None else marks[n],
                None if corners is None else corners[n],
            )
            for n in range(count)
        ]
        predictions: list[Prediction] = []
        for start in range(0, count, _PROMPTS_AT_ONCE):
            chunk = [row for row in rows[start : start + _PROMPTS_AT_ONCE] if row is not None]
            clicks = Points(torch.cat([row.coordinates for row in chunk]), torch.cat([row.labels for row in chunk]))
            found = self.decode(still, clicks, None, multimask=multimask)
            predictions += [self.finish(still, found, n) for n in range(len(chunk))]
        return predictions

    def everything(self, options: EverythingOptions | None = None, *, image_index: int = 0) -> list[Segment]:
        """All that is in a picture that is set, without prompts (see `masklet.session.everything`)."""
        still = self._still(image_index)
        picture = self._pictures[image_index]
        return everything(self.model, picture, options, single=self._single, whole=still)

    def decode(self, still: Still, points: Points | None, masks: Tensor | None, *, multimask: bool) -> Candidates:
        """Unchecked tensors of N prompts -> the decoder's masks; for adapters that bring their own prompts."""
        return decode(self.model, still, points, masks, multimask=multimask, single=self._single)

    def enlarge(self, still: Still, logits: Tensor) -> Tensor:
        """Decoder logits [N, C, 4h, 4w] -> cleaned logits [N, C, H, W] at the picture's size."""
        return resize(self._cleanup(logits), still.height, still.width)

    def finish(self, still: Still, found: Candidates, index: int) -> Prediction:
        """The prediction of prompt `index` out of N."""
        logits = self.enlarge(still, found.logits[index : index + 1])[0]
        return Prediction(
            masks=(logits > self.threshold).cpu().numpy(),
            logits=logits.cpu().numpy(),
            iou=found.iou[index].cpu().numpy(),
            stability=stability(logits, self.threshold).cpu().numpy(),
            low_res=found.logits[index].clamp(-CLAMP, CLAMP).cpu().numpy(),
        )

    def _still(self, index: int) -> Still:
        if not self._stills:
            raise RuntimeError("no picture is set: call set_image first")
        if not 0 <= index < len(self._stills):
            raise ValueError(f"image_index is 0..{len(self._stills) - 1}, got {index}")
        return self._stills[index]

    def _clicks(
        self, still: Still, points: ArrayLike | None, labels: ArrayLike | None, box: ArrayLike | None
    ) -> Points | None:
        """Checked clicks and box as tensors [1, P', 2] and [1, P']; None where there is neither."""
        height, width, side = still.height, still.width, self.model.config.image_size
        if points is None:
            if labels is not None:
                raise ValueError("labels belong to points, got labels alone")
            if box is None:
                return None
        clicks, marks = (None, None) if points is None else check_points(points, labels, height, width)
        corners = None if box is None else check_box(box, height, width)
        coordinates, marks = model_points(clicks, marks, corners, height, width, side)
        device = self.model.device
        return Points(
            torch.as_tensor(coordinates, device=device)[None],
            torch.as_tensor(marks, dtype=torch.long, device=device)[None],
        )

    def _dense(
        self, still: Still, mask: NDArray[Any] | None, previous: NDArray[np.floating[Any]] | None
    ) -> Tensor | None:
        """The mask prompt as logits [1, 1, 4h, 4w]."""
        if mask is not None and previous is not None:
            raise ValueError("expected either a mask or previous logits, got both")
        if mask is not None:
            checked = check_mask(mask, still.height, still.width)
            return mask_logits(
                torch.as_tensor(checked, device=self.model.device)[None, None], self.model.config.image_size
            )
        if previous is None:
            return None
        side = self.model.prompt_encoder.mask_size
        logits = np.asarray(previous, np.float32)
        if logits.shape not in ((side, side), (1, side, side)):
            raise ValueError(f"expected previous logits of shape [{side}, {side}], got {list(logits.shape)}")
        if not np.isfinite(logits).all():
            raise ValueError("expected previous logits to be finite numbers")
        return torch.as_tensor(logits.reshape(1, 1, side, side), device=self.model.device)


def _array(picture: Picture) -> NDArray[np.uint8]:
    if isinstance(picture, Image.Image):
        return np.array(picture.convert("RGB"))
    return check_picture(picture)


def _rows(values: ArrayLike | None, dimensions: int, what: str) -> NDArray[np.float64] | None:
    """N prompts as an array; a ValueError where the number of dimensions, or a ragged list, does not fit."""
    if values is None:
        return None
    try:
        array = np.asarray(values, np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"expected {what}, got {values!r:.80}") from None
    if array.ndim != dimensions:
        raise ValueError(f"expected {what}, got shape {list(array.shape)}")
    if len(array) == 0:
        raise ValueError(f"expected {what} with N > 0, got none")
    return array
