"""The published package's image predictor.

Legend: N prompts, P points, C masks of a prompt (1 or 3), H W picture, S side of the model's image, h w = S / 16.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from PIL import Image
from torch import Tensor

from masklet.compat.sam2.base import SAM2Base, wrapped
from masklet.model.prompt_encoder import BOX_END, BOX_START, PADDING, Points
from masklet.model.sam2 import Sam2
from masklet.session.image import ImagePredictor
from masklet.session.still import CLAMP, Still

Arrays = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]
Values = ArrayLike | Tensor
"""Prompts come as lists, arrays or tensors."""


class SAM2ImagePredictor:
    """`set_image`, then `predict`: an adapter over `masklet.ImagePredictor`.

    Points outside of the picture are taken as they are, as the published predictor does.

    Example
    -------
    >>> import numpy as np
    >>> from masklet.compat.sam2 import SAM2ImagePredictor, build_sam2
    >>> model = build_sam2("configs/sam2.1/sam2.1_hiera_t.yaml", hydra_overrides_extra=["++model.image_size=64"])
    >>> predictor = SAM2ImagePredictor(model)
    >>> predictor.set_image(np.zeros((48, 80, 3), np.uint8))
    >>> masks, ious, low_res = predictor.predict(np.array([[40, 20]]), np.array([1]))
    >>> masks.shape, masks.dtype, low_res.shape
    ((3, 48, 80), dtype('float32'), (3, 16, 16))
    """

    def __init__(
        self,
        sam_model: SAM2Base | Sam2,
        mask_threshold: float = 0.0,
        max_hole_area: float = 0.0,
        max_sprinkle_area: float = 0.0,
    ) -> None:
        self.model = wrapped(sam_model)
        self.mask_threshold = mask_threshold
        self._predictor = ImagePredictor(
            self.model.model,
            threshold=mask_threshold,
            max_hole_area=max_hole_area,
            max_sprinkle_area=max_sprinkle_area,
            single=self.model.policy.single,
        )
        self._is_batch = False

    @classmethod
    def from_pretrained(
        cls,
        model_id: str,
        mask_threshold: float = 0.0,
        max_hole_area: float = 0.0,
        max_sprinkle_area: float = 0.0,
        **kwargs: Any,
    ) -> Self:
        """A predictor by hub name, or any name of `masklet models`; `kwargs` are those of `build_sam2_hf`."""
        from masklet.compat.sam2.build_sam import build_sam2_hf

        return cls(build_sam2_hf(model_id, **kwargs), mask_threshold, max_hole_area, max_sprinkle_area)

    def set_image(self, image: NDArray[np.uint8] | Image.Image) -> None:
        """Looks at one picture: an RGB array [H, W, 3] of uint8, or a Pillow image."""
        if not isinstance(image, np.ndarray | Image.Image):
            raise TypeError(f"expected an array or a Pillow image, got {type(image).__name__}")
        self._predictor.set_image(image)
        self._is_batch = False

    def set_image_batch(self, image_list: list[NDArray[np.uint8]]) -> None:
        """Looks at several pictures at once, each of any size; for `predict_batch`."""
        self._predictor.set_image(list(image_list))
        self._is_batch = True

    def predict(
        self,
        point_coords: Values | None = None,
        point_labels: Values | None = None,
        box: Values | None = None,
        mask_input: Values | None = None,
        multimask_output: bool = True,
        return_logits: bool = False,
        normalize_coords: bool = True,
    ) -> Arrays:
        """Masks [C, H, W] (0 and 1, or logits), IoU estimates [C] and low-resolution logits [C, 4h, 4w]; all float32.

        `point_coords` [P, 2] with `point_labels` [P], `box` [4] and `mask_input` [1, 4h, 4w] may be combined; with
        N prompts at once ([N, P, 2], [N, P], [N, 4]) all results have a leading N. Coordinates are pixels, or 0..1
        without `normalize_coords`.
        """
        still = self._still(-1)
        prompts = self._prompts(still, point_coords, point_labels, box, mask_input, normalize_coords)
        return _arrays(*self._predict(*prompts, multimask_output, return_logits))

    def predict_batch(
        self,
        point_coords_batch: Sequence[Values | None] | None = None,
        point_labels_batch: Sequence[Values | None] | None = None,
        box_batch: Sequence[Values | None] | None = None,
        mask_input_batch: Sequence[Values | None] | None = None,
        multimask_output: bool = True,
        return_logits: bool = False,
        normalize_coords: bool = True,
    ) -> tuple[list[NDArray[np.float32]], list[NDArray[np.float32]], list[NDArray[np.float32]]]:
        """`predict` on each picture of `set_image_batch`, with one entry of every list for each."""
        if not self._is_batch:
            raise RuntimeError("An image must be set with .set_image_batch(...) before mask prediction.")
        count = len(self._predictor.stills)
        batches = (point_coords_batch, point_labels_batch, box_batch, mask_input_batch)
        for batch in batches:
            if batch is not None and len(batch) != count:
                raise ValueError(f"expected one entry for each of {count} images, got {len(batch)}")
        results: list[Arrays] = []
        for index in range(count):
            coordinates, labels, box, mask = (None if batch is None else batch[index] for batch in batches)
            prompts = self._prompts(self._still(index), coordinates, labels, box, mask, normalize_coords)
            results.append(_arrays(*self._predict(*prompts, multimask_output, return_logits, index)))
        masks, ious, low_res = zip(*results, strict=True)
        return list(masks), list(ious), list(low_res)

    def get_image_embedding(self) -> Tensor:
        """Features [1, C, h, w] of the picture ([B, C, h, w] of a batch), as the decoder reads them."""
        if not self._predictor.stills:
            raise RuntimeError("An image must be set with .set_image(...) to generate an embedding.")
        return torch.cat([still.features.embedding for still in self._predictor.stills])

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return self.model.device

    def reset_predictor(self) -> None:
        """Forgets the picture."""
        self._predictor.reset()
        self._is_batch = False

    @torch.inference_mode()
    def _predict(
        self,
        point_coords: Tensor | None,
        point_labels: Tensor | None,
        boxes: Tensor | None = None,
        mask_input: Tensor | None = None,
        multimask_output: bool = True,
        return_logits: bool = False,
        img_idx: int = -1,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Prompts as batched tensors in pixels of the model's image ([N, P, 2], [N, P], [N, 4], [N, 1, 4h, 4w])
        -> masks [N, C, H, W], IoU estimates [N, C], low-resolution logits [N, C, 4h, 4w]."""
        still = self._still(img_idx)
        points = _points(point_coords, point_labels, boxes)
        found = self._predictor.decode(still, points, mask_input, multimask=multimask_output)
        logits = self._predictor.enlarge(still, found.logits)
        masks = logits if return_logits else logits > self.mask_threshold
        return masks, found.iou, found.logits.clamp(-CLAMP, CLAMP)

    def _still(self, index: int) -> Still:
        if not self._predictor.stills:
            raise RuntimeError("An image must be set with .set_image(...) before mask prediction.")
        return self._predictor.stills[index]

    def _prompts(
        self,
        still: Still,
        coordinates: Values | None,
        labels: Values | None,
        box: Values | None,
        mask: Values | None,
        in_pixels: bool,
    ) -> tuple[Tensor | None, Tensor | None, Tensor | None, Tensor | None]:
        """The prompts of `predict` as those of `_predict`; ValueError where shapes or values make no sense."""
        if (coordinates is None) != (labels is None):
            raise ValueError("point_coords and point_labels must be supplied together")
        points, marks, boxes, masks = None, None, None, None
        if coordinates is not None and labels is not None:
            points = self._scaled(_tensor(coordinates, "point_coords", self.device), still, in_pixels)
            marks = _tensor(labels, "point_labels", self.device).long()
            if points.ndim == 2:
                points, marks = points[None], marks[None]
            if points.ndim != 3 or points.shape[2] != 2 or marks.shape != points.shape[:2]:
                raise ValueError(
                    f"expected point_coords [P, 2] with point_labels [P], or both with a leading N; "
                    f"got {list(points.shape)} and {list(marks.shape)}"
                )
            if not ((marks >= PADDING) & (marks <= BOX_END)).all():
                raise ValueError(f"point_labels are {PADDING}..{BOX_END}, got {marks.unique().tolist()}")
        if box is not None:
            corners = _tensor(box, "box", self.device)
            if corners.numel() % 4 or corners.shape[-1] not in (2, 4):
                raise ValueError(f"expected box [4] or [N, 4], got {list(corners.shape)}")
            boxes = self._scaled(corners.reshape(-1, 2, 2), still, in_pixels).reshape(-1, 4)
        if mask is not None:
            side = self.model.model.prompt_encoder.mask_size
            masks = _tensor(mask, "mask_input", self.device)
            masks = masks[None] if masks.ndim == 3 else masks
            if masks.ndim != 4 or masks.shape[1:] != (1, side, side):
                raise ValueError(f"expected mask_input [1, {side}, {side}], got {list(masks.shape)}")
        counts = {len(t) for t in (points, boxes, masks) if t is not None}
        if len(counts - {1}) > 1 or (points is not None and boxes is not None and len(points) != len(boxes)):
            raise ValueError(f"expected as many points as boxes and masks, got {sorted(counts)}")
        return points, marks, boxes, masks

    def _scaled(self, coordinates: Tensor, still: Still, in_pixels: bool) -> Tensor:
        """[.., 2] in pixels of the picture or in 0..1 -> pixels of the model's image."""
        if in_pixels:
            coordinates = coordinates / torch.tensor([still.width, still.height], device=coordinates.device)
        return coordinates * self.model.image_size


def _points(coordinates: Tensor | None, labels: Tensor | None, boxes: Tensor | None) -> Points | None:
    """Boxes as pairs of points with labels of their own, before the clicks."""
    parts: list[tuple[Tensor, Tensor]] = []
    if boxes is not None:
        corners = boxes.reshape(-1, 2, 2)
        marks = torch.tensor([[BOX_START, BOX_END]], device=boxes.device)
        parts.append((corners, marks.expand(len(corners), 2)))
    if coordinates is not None and labels is not None:
        parts.append((coordinates, labels.long()))
    if not parts:
        return None
    return Points(torch.cat([part[0] for part in parts], dim=1), torch.cat([part[1] for part in parts], dim=1))


def _tensor(values: Values, name: str, device: torch.device) -> Tensor:
    try:
        tensor = torch.as_tensor(values, dtype=torch.float32, device=device)
    except (TypeError, ValueError, RuntimeError):
        raise ValueError(f"expected {name} as numbers, got {values!r:.80}") from None
    if not tensor.isfinite().all():
        raise ValueError(f"expected {name} as finite numbers, got NaN or infinity")
    return tensor


def _arrays(masks: Tensor, ious: Tensor, low_res: Tensor) -> Arrays:
    masks, ious, low_res = (tensor.squeeze(0).float().cpu() for tensor in (masks, ious, low_res))
    return masks.numpy(), ious.numpy(), low_res.numpy()
