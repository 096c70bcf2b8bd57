"""The adapter to supervision.Detections."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from masklet.export import to_detections
from masklet.masks import Masklet


def test_masklets(masklets: list[Masklet]) -> None:
    supervision = pytest.importorskip("supervision")
    found = to_detections(masklets[::-1], 4)
    assert isinstance(found, supervision.Detections)
    assert found.tracker_id.tolist() == [1, 7], "object 2 is absent at frame 4"
    np.testing.assert_array_equal(found.mask[0], masklets[0].mask(4))
    assert found.xyxy.tolist() == [list(masklets[0].bbox(4)), list(masklets[2].bbox(4))]
    assert found.confidence == pytest.approx([0.7, 1.0])
    assert found.data["name"].tolist() == ["ball", 'Öl & "x"']
    assert len(to_detections(masklets, 0)) == 3
    assert len(to_detections(masklets, 100)) == 0
    assert len(to_detections([], 0)) == 0


def test_frame_result() -> None:
    pytest.importorskip("supervision")
    mask = np.zeros((6, 8), bool)
    mask[2:4, 1:6] = True
    seen = SimpleNamespace(mask=mask, iou=0.5, score=3.0, visible=True)
    gone = SimpleNamespace(mask=np.zeros((6, 8), bool), iou=0.5, score=-3.0, visible=False)
    result = SimpleNamespace(frame=3, objects={9: seen, 2: gone})
    found = to_detections(result)
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
