"""Pictures as the model wants them: square, normalised, float.

SAM 2 was released with different resamplers for stills and for video; results differ visibly between them, so each path
keeps its own.

Legend: H W picture, S side of the model's image.
"""

from __future__ import annotations

from typing import cast

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from masklet.model.sam2 import MEAN, STD


def check_picture(picture: object) -> NDArray[np.uint8]:
    """The picture itself, if it is a non-empty [H, W, 3] uint8 array; else a ValueError or TypeError that says why."""
    if not isinstance(picture, np.ndarray):
        raise TypeError(f"expected a picture as a numpy array [height, width, 3], got {type(picture).__name__}")
    array = cast("NDArray[np.uint8]", picture)
    if array.dtype != np.uint8:
        raise ValueError(f"expected a picture of uint8 values 0..255, got {array.dtype}")
    if array.ndim != 3 or array.shape[2] != 3 or 0 in array.shape:
        raise ValueError(f"expected a picture of shape [height, width, 3], got {list(array.shape)}")
    return array


def normalise(images: Tensor) -> Tensor:
    """[B, 3, S, S] in 0..1 -> ImageNet mean 0, deviation 1."""
    mean = torch.tensor(MEAN, device=images.device)[:, None, None]
    std = torch.tensor(STD, device=images.device)[:, None, None]
    return (images - mean) / std


def still_tensor(picture: NDArray[np.uint8], side: int, device: torch.device) -> Tensor:
    """A still [H, W, 3] as [1, 3, S, S]: antialiased bilinear on values 0..1."""
    image = torch.tensor(np.ascontiguousarray(picture), device=device).permute(2, 0, 1)[None].float() / 255
    return normalise(F.interpolate(image, size=(side, side), mode="bilinear", align_corners=False, antialias=True))


def frame_tensor(picture: NDArray[np.uint8], side: int, device: torch.device) -> Tensor:
    """A video frame [H, W, 3] as [1, 3, S, S], channels last: Pillow's bicubic on bytes.

    All of it on one core and without PyTorch's threads: it is done while these track the frame before, and a second
    team of them would put both to sleep at every step.
    """
    small = np.asarray(Image.fromarray(picture).resize((side, side), Image.Resampling.BICUBIC))
    rows = small.reshape(side, -1).astype(np.float32)  # [S, 3S]: long rows are four times as fast as pixels
    rows /= 255
    rows -= np.tile(np.array(MEAN, np.float32), side)
    rows /= np.tile(np.array(STD, np.float32), side)
    return torch.as_tensor(rows).view(side, side, 3).permute(2, 0, 1)[None].to(device)
