from __future__ import annotations

from xml.etree import ElementTree

import pytest

from masklet.metrics.calibration import Bin
from masklet.metrics.report.reliability import reliability_diagram


def attribute(element: ElementTree.Element, name: str) -> float:
    return float(element.attrib[name])


def of_class(root: ElementTree.Element, name: str) -> list[ElementTree.Element]:
    return [element for element in root.iter() if name in element.get("class", "").split()]


def test_kept_promises_lie_on_the_diagonal():
    bins = [
        Bin(low=0.2, high=0.3, count=4, predicted=0.25, actual=0.25),
        Bin(low=0.9, high=1, count=16, predicted=0.95, actual=0.5),
    ]
    root = ElementTree.fromstring(reliability_diagram("t", bins, predicted="said", actual="was"))
    diagonal = of_class(root, "diagonal")[0]
    x0, y0, x1, y1 = (attribute(diagonal, name) for name in ("x1", "y1", "x2", "y2"))
    kept, broken = of_class(root, "bubble")
    share = (attribute(kept, "cx") - x0) / (x1 - x0)
    assert share == pytest.approx(0.25, abs=1e-3)
    assert (attribute(kept, "cy") - y0) / (y1 - y0) == pytest.approx(share, abs=1e-3)
    assert (attribute(broken, "cy") - y0) / (y1 - y0) == pytest.approx(0.5, abs=1e-3)
    assert attribute(broken, "r") > attribute(kept, "r")


def test_nothing_to_draw_is_an_error():
    with pytest.raises(ValueError, match="needs at least one prediction"):
        reliability_diagram("t", [], predicted="x", actual="y")
