"""To `supervision.Detections`, the value type of roboflow/supervision, for its annotators, trackers and zones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from masklet.masks import Masklet
from masklet.masks.boxes import mask_to_box

if TYPE_CHECKING:
    from supervision import Detections


class FrameResultLike(Protocol):
    """A session's frame result: its objects by id."""

    @property
    def objects(self) -> Mapping[int, Any]: ...


def to_detections(source: FrameResultLike | Sequence[Masklet], frame: int | None = None) -> Detections:
    """The objects that are visible in one frame, ascending ids; absent ones are left out.

    `tracker_id` holds the object ids, `confidence` the IoU estimates, `class_id` is 0, and `data["name"]` the names
    of masklets ("" for none).

    Args:
        source: what `VideoSession` yields for a frame, or masklets.
        frame: which frame of the masklets; not for a frame result, which is of one frame.

    Raises:
        ImportError: supervision is not installed.
        ValueError: masklets without `frame`, or a frame result with one.
    """
    try:
        from supervision import Detections
    except ImportError as error:
        raise ImportError("to_detections needs supervision: pip install 'masklet[interop]'") from error
    rows: list[tuple[int, np.ndarray, float, str]] = []
    if isinstance(source, Sequence):
        if frame is None:
            raise ValueError("expected the frame of the masklets, got none")
        for masklet in source:
            record = masklet.get(frame)
            if record is not None and record.rle:
                rows.append((masklet.object_id, record.rle.decode(), record.iou, masklet.name or ""))
    else:
        if frame is not None:
            raise ValueError(f"a frame result is of one frame already, got frame {frame} beside it")
        rows = [(object_id, item.mask, item.iou, "") for object_id, item in source.objects.items()]
    rows = sorted((row for row in rows if row[1].any()), key=lambda row: row[0])
    if not rows:
        return Detections.empty()
    ids, masks, scores, names = zip(*rows, strict=True)
    return Detections(
        xyxy=np.array([mask_to_box(mask) for mask in masks], np.float32),
        mask=np.stack(masks).astype(bool),
        confidence=np.array(scores, np.float32),
        class_id=np.zeros(len(rows), int),
        tracker_id=np.array(ids, int),
        data={"name": np.array(names)},
    )
