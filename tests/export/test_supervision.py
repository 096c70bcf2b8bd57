"""The adapter to supervision.Detections."""

from __future__ import annotations

import sys
from dataclasses import dataclass

import numpy as np
import pytest

from masklet.export import to_detections
from masklet.masks import Masklet


@dataclass
class Item:
    mask: np.ndarray
    iou: float


@dataclass
class Result:
    """As a session yields it, as far as the adapter looks."""

    objects: dict[int, Item]


def test_masklets(masklets: list[Masklet]) -> None:
    supervision = pytest.importorskip("supervision")
    found = to_detections(masklets[::-1], 4)
    assert isinstance(found, supervision.Detections)
    assert found.tracker_id is not None
    assert found.mask is not None
    assert found.tracker_id.tolist() == [1, 7], "object 2 is absent at frame 4"
    np.testing.assert_array_equal(found.mask[0], masklets[0].mask(4))
    assert [tuple(box) for box in found.xyxy] == [masklets[0].bbox(4), masklets[2].bbox(4)]
    assert found.confidence == pytest.approx([0.7, 1.0])
    assert list(found.data["name"]) == ["ball", 'Öl & "x"']
    assert len(to_detections(masklets, 0)) == 3
    assert len(to_detections(masklets, 100)) == 0
    assert len(to_detections([], 0)) == 0


def test_frame_result() -> None:
    pytest.importorskip("supervision")
    mask = np.zeros((6, 8), bool)
    mask[2:4, 1:6] = True
    result = Result({9: Item(mask, 0.5), 2: Item(np.zeros((6, 8), bool), 0.5)})
    found = to_detections(result)
    assert found.tracker_id is not None
    assert found.tracker_id.tolist() == [9]
    assert found.xyxy.tolist() == [[1, 2, 6, 4]]
    with pytest.raises(ValueError, match="of one frame already"):
        to_detections(result, 3)


def test_refuses(masklets: list[Masklet], monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("supervision")
    with pytest.raises(ValueError, match="expected the frame"):
        to_detections(masklets)
    monkeypatch.setitem(sys.modules, "supervision", None)
    with pytest.raises(ImportError, match="pip install 'masklet"):
        to_detections(masklets, 0)
