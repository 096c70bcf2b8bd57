from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from masklet.cli.prompts import Prompt, combine, parse_box, parse_point, parse_prompt, read_prompts

NUMBERS = st.floats(-1e6, 1e6, allow_nan=False)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("420,240", ((420.0, 240.0), 1)),
        ("420.5,240,+", ((420.5, 240.0), 1)),
        (" 3 , 4 , - ", ((3.0, 4.0), 0)),
        ("-3,4", ((-3.0, 4.0), 1)),
    ],
)
def test_points(text: str, expected: object):
    assert parse_point(text) == expected


@pytest.mark.parametrize("text", ["", "1", "1,2,3", "a,b", "1,2,-,3", "nan,2", "1,inf", "1;2"])
def test_a_bad_point_says_what_was_expected(text: str):
    with pytest.raises(ValueError, match=r"expected x,y or x,y,- such as 420,240"):
        parse_point(text)


def test_boxes():
    assert parse_box("1, 2,3.5,4") == (1.0, 2.0, 3.5, 4.0)


@pytest.mark.parametrize("text", ["", "1,2,3", "1,2,3,4,5", "1,2,3,x", "1,2,3,nan"])
def test_a_bad_box_says_what_was_expected(text: str):
    with pytest.raises(ValueError, match=r"expected x0,y0,x1,y1 such as 100,80,260,300"):
        parse_box(text)


def test_prompts():
    assert parse_prompt("1@0:point=420,240") == Prompt(object_id=1, frame=0, points=((420, 240),), labels=(1,))
    assert parse_prompt("2@15:box=1,2,3,4") == Prompt(object_id=2, frame=15, box=(1, 2, 3, 4))
    assert parse_prompt("3@7:mask=C:/a=b.png").mask == "C:/a=b.png"
    assert parse_prompt("1@0:box=1,2,3,4;point=5,6;point=7,8,-") == Prompt(
        object_id=1, frame=0, points=((5, 6), (7, 8)), labels=(1, 0), box=(1, 2, 3, 4)
    )


@pytest.mark.parametrize(
    "text",
    ["", "point=1,2", "1:point=1,2", "1@:point=1,2", "a@0:point=1,2", "1@-1:point=1,2", "1@0", "1@0:", "1@0:blob=3"],
)
def test_a_bad_prompt_gives_an_example(text: str):
    with pytest.raises(ValueError, match=r"such as .*1@0:point=420,240"):
        parse_prompt(text)


def test_prompts_of_one_object_and_frame_combine_and_are_ordered():
    texts = ["2@5:box=1,2,3,4", "1@5:point=1,2", "1@0:point=3,4", "1@5:point=5,6,-"]
    combined = combine(map(parse_prompt, texts))
    assert [(p.frame, p.object_id) for p in combined] == [(0, 1), (5, 1), (5, 2)]
    assert combined[1].points == ((1, 2), (5, 6))
    assert combined[1].labels == (1, 0)


@pytest.mark.parametrize(
    "texts",
    [
        ["1@0:box=1,2,3,4", "1@0:box=1,2,3,5"],
        ["1@0:mask=a.png", "1@0:mask=b.png"],
        ["1@0:mask=a.png", "1@0:point=1,2"],
        ["1@0:box=1,2,3,4", "1@0:mask=a.png"],
    ],
)
def test_contradicting_prompts_are_refused(texts: list[str]):
    with pytest.raises(ValueError, match="object 1 on frame 0"):
        combine(map(parse_prompt, texts))


@given(
    points=st.lists(st.tuples(NUMBERS, NUMBERS, st.sampled_from([0, 1])), max_size=4),
    box=st.none() | st.tuples(NUMBERS, NUMBERS, NUMBERS, NUMBERS),
)
def test_json_round_trip(points: list[tuple[float, float, int]], box: tuple[float, float, float, float] | None):
    if not points and box is None:
        return
    prompt = Prompt(
        object_id=3, frame=9, points=tuple((x, y) for x, y, _ in points), labels=tuple(k for _, _, k in points), box=box
    )
    assert Prompt.from_json(json.loads(json.dumps(prompt.to_json()))) == prompt


def test_a_prompts_file_finds_masks_beside_itself(tmp_path: Path):
    path = tmp_path / "prompts.json"
    path.write_text('[{"object": 1, "frame": 0, "mask": "m.png"}, {"object": 2, "frame": 4, "points": [[1, 2]]}]')
    first, second = read_prompts(path)
    assert first.mask == str(tmp_path / "m.png")
    assert second.labels == (1,)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[1]",
        '[{"object": 1, "frame": 0}]',
        '[{"object": 1, "box": [1, 2, 3, 4]}]',
        '[{"object": 1, "frame": -1, "box": [1, 2, 3, 4]}]',
        '[{"object": 1, "frame": true, "box": [1, 2, 3, 4]}]',
        '[{"object": 1, "frame": 0, "box": [1, 2, 3]}]',
        '[{"object": 1, "frame": 0, "box": "1,2,3,4"}]',
        '[{"object": 1, "frame": 0, "points": [[1, 2]], "labels": [2]}]',
        '[{"object": 1, "frame": 0, "points": [[1, 2]], "labels": []}]',
        '[{"object": 1, "frame": 0, "points": [[1, NaN]]}]',
        '[{"object": 1, "frame": 0, "points": 3}]',
        '[{"object": 1, "frame": 0, "mask": 3}]',
        '[{"object": 1, "frame": 0, "mask": "a.png", "label": "x"}]',
        '[{"object": 1, "frame": 0, "mask": "a.png", "box": [1, 2, 3, 4]}]',
        '[{"object": 1, "frame": 0, "box": [1, 2, 3, 4], "extra": 1}]',
    ],
)
def test_a_bad_prompts_file_is_named(tmp_path: Path, text: str):
    path = tmp_path / "prompts.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"prompts\.json"):
        read_prompts(path)


def test_a_missing_prompts_file_is_an_os_error(tmp_path: Path):
    with pytest.raises(FileNotFoundError):
        read_prompts(tmp_path / "none.json")
