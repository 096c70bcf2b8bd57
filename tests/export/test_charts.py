from __future__ import annotations

from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from masklet.export.charts import (
    Bar,
    Difference,
    Line,
    bar_chart,
    difference_chart,
    line_chart,
    thinned,
)
from masklet.export.svg import shortened, ticks
from masklet.metrics.report.wording import percent, whole

HOSTILE = "<script>&\"'"


def attribute(element: ElementTree.Element, name: str) -> float:
    return float(element.attrib[name])


def of_class(root: ElementTree.Element, name: str) -> list[ElementTree.Element]:
    return [element for element in root.iter() if name in element.get("class", "").split()]


def points(element: ElementTree.Element) -> list[tuple[float, float]]:
    found = [pair.split(",") for pair in element.attrib["points"].split()]
    return [(float(x), float(y)) for x, y in found]


def texts(root: ElementTree.Element) -> str:
    return " ".join(root.itertext())


def lines() -> ElementTree.Element:
    drawn = [Line(label="a", points=[(0, 0.0), (1, 0.5), (2, 1.0)]), Line(label="b", points=[(0, 1), (2, 0)], series=1)]
    return ElementTree.fromstring(line_chart("title", drawn, x_label="x", x_text=whole, y_text=percent))


def test_bars_are_as_long_as_their_values():
    bars = [Bar(label="a", value=0.25), Bar(label="b", value=0.5, series=1), Bar(label="c", value=None, series=2)]
    root = ElementTree.fromstring(bar_chart("title", [("bear", bars)], text=percent, top=1))
    widths = [attribute(bar, "width") for bar in of_class(root, "bar")]
    full = attribute(of_class(root, "track")[0], "width")
    assert widths == [full / 4, full / 2, 0]
    assert [name for bar in of_class(root, "bar") for name in bar.attrib["class"].split()[1:]] == ["s0", "s1", "s2"]
    for said in ("bear", "25", "50", "–", "a", "b", "c"):
        assert said in texts(root)


def test_the_longest_bar_is_full_without_a_top():
    root = ElementTree.fromstring(bar_chart("t", [("x", [Bar(label="a", value=40)])], text=whole))
    assert attribute(of_class(root, "bar")[0], "width") == attribute(of_class(root, "track")[0], "width")


def test_a_line_goes_through_its_points():
    root = lines()
    first, second = (points(line) for line in root.iter("polyline"))
    assert first[0][0] == second[0][0]
    assert first[1][0] == pytest.approx((first[0][0] + first[2][0]) / 2)
    assert first[1][1] == pytest.approx((first[0][1] + first[2][1]) / 2)
    assert first[0][1] > first[2][1]  # more is higher up
    assert second[0][1] == first[2][1]


def test_lines_differ_in_pattern_and_mark_not_only_in_colour():
    root = lines()
    first, second = root.iter("polyline")
    assert "stroke-dasharray" not in first.attrib
    assert second.attrib["stroke-dasharray"]
    assert {mark.tag for mark in of_class(root, "mark")} == {"circle", "rect"}


def test_names_and_descriptions_are_there_for_all_readers():
    root = lines()
    assert root.attrib["role"] == "img"
    assert root.findtext("title") == "title"
    description = root.findtext("desc") or ""
    assert "a: from 0 to 100" in description
    assert "b: from 100 to 0" in description


def test_names_are_no_markup():
    bars = bar_chart(HOSTILE, [(HOSTILE, [Bar(label=HOSTILE, value=1)])], text=percent)
    drawn = line_chart(HOSTILE, [Line(label=HOSTILE, points=[(0, 1)])], x_label=HOSTILE, x_text=whole, y_text=whole)
    for text in (bars, drawn):
        assert "<script" not in text
        assert HOSTILE in texts(ElementTree.fromstring(text))


def test_a_dense_line_keeps_its_dip():
    dense = [(float(x), 1.0) for x in range(5000)]
    dense[1234] = (1234.0, 0.0)
    text = line_chart("t", [Line(label="a", points=dense)], x_label="x", x_text=whole, y_text=percent, y_range=(0, 1))
    drawn = points(next(ElementTree.fromstring(text).iter("polyline")))
    assert len(drawn) <= 300
    assert max(y for _, y in drawn) - min(y for _, y in drawn) == 130  # from the top of the field to its bottom


@given(st.lists(st.floats(0, 1), min_size=1, max_size=200), st.integers(2, 50))
def test_thinning_keeps_order_and_extremes(values: list[float], most: int):
    dense = [(float(x), y) for x, y in enumerate(values)]
    kept = thinned(dense, most)
    assert len(kept) <= most or len(kept) == len(dense)
    assert [x for x, _ in kept] == sorted({x for x, _ in kept})
    assert {min(values), max(values)} == {min(y for _, y in kept), max(y for _, y in kept)}


def test_differences_lie_left_and_right_of_no_change():
    rows = [
        Difference(label="up", value=0.02, low=0.01, high=0.03, good=True),
        Difference(label="down", value=-0.02, low=-0.04, high=-0.01, good=False),
        Difference(label="both", value=0.0, low=-0.01, high=0.01, good=None),
    ]
    root = ElementTree.fromstring(difference_chart("t", rows, text=percent))
    up, down, both = of_class(root, "interval")
    zero = attribute(of_class(root, "point")[2], "cx")
    assert attribute(up, "x1") > zero > attribute(down, "x2")
    assert attribute(both, "x1") < zero < attribute(both, "x2")
    assert [element.attrib["class"].split()[1] for element in (up, down, both)] == ["better", "worse", "same"]


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6), st.integers(1, 8))
def test_ticks_are_round_and_inside(low: float, width: float, count: int):
    found = ticks(low, low + width, count)
    slack = 1e-6 * max(abs(low), width)
    assert all(low - slack <= tick <= low + width + slack for tick in found)
    assert len(found) <= count + 2
    if len(found) > 1:
        step = found[1] - found[0]
        assert float(f"{step:.0e}"[0]) in {1, 2, 5}


@pytest.mark.parametrize(
    "draw",
    [
        lambda: bar_chart("t", [], text=percent),
        lambda: bar_chart("t", [("x", [Bar(label="a", value=-1)])], text=percent),
        lambda: line_chart("t", [], x_label="x", x_text=whole, y_text=whole),
        lambda: line_chart("t", [Line(label="a", points=[])], x_label="x", x_text=whole, y_text=whole),
        lambda: difference_chart("t", [], text=percent),
        lambda: ticks(1, 1, 4),
        lambda: ticks(0, float("nan"), 4),
    ],
)
def test_nothing_to_draw_is_an_error(draw):
    with pytest.raises(ValueError, match=r"need|expected"):
        draw()


def test_long_names_keep_both_ends():
    assert shortened("a-very-long-name-01", 60) == "a-ve…me-01"
    assert shortened("short", 60) == "short"


def test_a_line_that_is_called_as_its_chart_needs_no_legend():
    def drawn(label: str) -> str:
        return line_chart("loss", [Line(label=label, points=[(0, 1), (1, 2)])], x_label="x", x_text=whole, y_text=whole)

    assert drawn("loss").count(">loss<") == 2  # the name and the heading
    assert drawn("dice").count(">dice<") == 1
