from __future__ import annotations

from masklet.metrics.report.slicing import slices_section
from masklet.metrics.results import Score
from masklet.metrics.slices import Key


def rows(values: dict[str, float]) -> list[Score]:
    return [
        Score(predictor="model", setting="mask", sequence=name, object_id=1, frame=None, metric="iou", value=value)
        for name, value in values.items()
    ]


def test_groups_that_differ_are_bold_unless_one_object_is_all_there_is():
    scores = rows({"a": 0.9, "b": 0.88, "c": 0.4, "d": 0.42, "e": 0.91})
    light = {"a": "day", "b": "day", "c": "night", "d": "night", "e": "day"}
    place = {"a": "wood", "b": "wood", "c": "sea", "d": "wood", "e": "wood"}
    attributes: dict[Key, dict[str, str]] = {
        (name, None): {"light": light[name], "place": place[name]} for name in light
    }
    by_light, by_place = slices_section(scores, attributes, "model").tables
    assert [(row[0].text, row[2].text, row[3].strong) for row in by_light.rows] == [
        ("day", "3", True),
        ("night", "2", True),
    ]
    assert [(row[0].text, row[2].text, row[3].strong) for row in by_place.rows] == [
        ("sea", "1", False),
        ("wood", "4", False),
    ]
    assert by_place.rows[0][3].text == "40.0"


def test_without_attributes_there_is_no_section():
    assert slices_section(rows({"a": 0.5}), {}, "model").empty
