"""What a prompt may mean: the masks that the decoder offers for it, without any change of the session.

Legend: H W video frame.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import ArrayLike

from masklet.masks.masklet import FrameMask
from masklet.masks.rle import Rle
from masklet.model.encoder import ImageFeatures
from masklet.model.prompt_encoder import Points
from masklet.session.prompts import Prompt, model_points
from masklet.session.results import at_frame_size
from masklet.session.video import VideoSession


@torch.inference_mode()
def candidates(
    session: VideoSession,
    frame: int,
    *,
    points: ArrayLike | None = None,
    labels: ArrayLike | None = None,
    box: ArrayLike | None = None,
    most: int = 3,
) -> list[FrameMask]:
    """The masks that clicks or a box on a frame may mean (whole, part, sub-part), best first, at the frame's size.

    Parameters
    ----------
    points, labels, box
        As for `VideoSession.prompt`.
    most
        How many of the three are wanted.

    Raises
    ------
    ValueError
        Nothing to point with, or something that does not fit the frame.
    """
    features = session.features(frame)
    assert session.size is not None
    height, width = session.size
    prompt = Prompt.checked((height, width), points=points, labels=labels, box=box)
    model = session.model
    coordinates, marks = model_points(
        np.array(prompt.points, np.float32).reshape(-1, 2),
        np.array(prompt.labels, np.int32),
        None if prompt.box is None else np.array(prompt.box, np.float32),
        height,
        width,
        model.config.image_size,
    )
    tokens = Points(
        torch.as_tensor(coordinates)[None].to(model.device), torch.as_tensor(marks)[None].long().to(model.device)
    )
    alone = ImageFeatures(model.without_memory(features.embedding), features.stride4, features.stride8)
    decoded = model.decode(alone.embedding, alone, points=tokens, masks=None)
    ious = [float(iou) for iou in decoded.iou[0, 1:]]
    order = sorted(range(len(ious)), key=lambda index: -ious[index])[:most]
    score = float(decoded.object_score[0, 0])
    return [
        FrameMask(
            frame=frame,
            rle=Rle.encode(at_frame_size(decoded.logits[0, 1 + index], (height, width)) > 0),
            score=score,
            iou=min(max(ious[index], 0.0), 1.0),
            visible=score > 0,
            prompted=True,
        )
        for index in order
    ]
