"""Effects as values, as JSON and in words."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from masklet.export.effects import (
    KINDS,
    MOST_EFFECTS,
    Blur,
    CutOut,
    Effect,
    Follow,
    Number,
    Outline,
    Pixelate,
    Replace,
    check_targets,
    decode_picture,
    effects_from_json,
    has_alpha,
    parameters,
    parse_effect,
    rgb,
)


def png(height: int = 4, width: int = 6, colour: tuple[int, int, int] = (10, 200, 30)) -> bytes:
    out = io.BytesIO()
    Image.fromarray(np.full((height, width, 3), colour, np.uint8)).save(out, "PNG")
    return out.getvalue()


def no_file(name: str) -> bytes:
    raise AssertionError(f"{name} is not asked for")


def made(kind: str, **values: Any) -> Effect:
    """An effect with its defaults; what has none gets a text."""
    return KINDS[kind](**{"target": 1, **({"text": "Hi"} if kind == "follow" else {}), **values})


@pytest.mark.parametrize("kind", KINDS)
def test_json_gives_the_same_effect_back(kind: str) -> None:
    effect = made(kind)
    record = effect.to_json()
    assert record["kind"] == kind
    assert set(record) <= {"kind", "target", "text"}, "defaults are left out"
    assert effects_from_json(json.loads(json.dumps([record]))) == (effect,)


@given(st.data())
def test_numbers_within_their_ranges_go_through_json_and_words(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(sorted(KINDS)))
    values: dict[str, Any] = {}
    for name, parameter in parameters(KINDS[kind]).items():
        if isinstance(parameter, Number):
            low, high = parameter.low, parameter.high
            drawn = st.integers(int(low), int(high)) if parameter.whole else st.floats(low, high)
            values[name] = data.draw(drawn)
    effect = made(kind, **values)
    assert effects_from_json([effect.to_json()]) == (effect,)
    text = ";".join(f"{name}={value}" for name, value in {**effect.to_json(), **values}.items())
    words = text.replace(f"kind={kind};", "").replace("target=1;", "").removesuffix("target=1")
    assert parse_effect(f"1={kind}:{words}", no_file) == effect


def test_a_picture_goes_through_json_as_a_data_url() -> None:
    effect = Replace(target="background", picture=png())
    record = effect.to_json()
    assert record["picture"].startswith("data:image/png;base64,")
    assert effects_from_json([record]) == (effect,)
    by_name = effects_from_json([{**record, "picture": "beach.png"}], {"beach.png": png()}.__getitem__)
    assert by_name == (effect,)


@pytest.mark.parametrize(
    ("text", "effect"),
    [
        ("background=blur:radius=9", Blur(target="background", radius=9)),
        ("objects=outline:colour=#ff0;width=2.5", Outline(target="objects", colour="#ff0", width=2.5)),
        ("2=pixelate", Pixelate(target=2)),
        ("1=follow:text=two words;place=below", Follow(target=1, text="two words", place="below")),
        ("background=replace:picture=p.png", Replace(target="background", picture=png())),
        ("1=cut-out", CutOut(target=1)),
    ],
)
def test_effects_in_words(text: str, effect: Effect) -> None:
    assert parse_effect(text, lambda _: png()) == effect


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("blur", "expected TARGET=KIND"),
        ("1=smudge", "erase, blur"),
        ("nobody=blur", "an object's id, objects or background, got 'nobody'"),
        ("-1=blur", "an object's id"),
        ("1=blur:radius=1000", "radius is a number from 0.5 to 100, got 1000"),
        ("1=blur:radius=nan", "radius is a number"),
        ("1=blur:radius=wide", "radius is a number from 0.5 to 100, got 'wide'"),
        ("1=pixelate:size=3.5", "size is a whole number"),
        ("1=blur:strength=2", "unknown keys: strength"),
        ("1=outline:colour=red", "a colour such as #ffcc00"),
        ("1=follow", "lacks text"),
        ("1=follow:text=", "one line of 1 to 80 characters"),
        ("1=follow:text=a;place=left", "above, centre, below"),
        ("background=follow:text=a", "not with the background"),
    ],
)
def test_words_that_say_nothing_known_are_refused(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_effect(text, no_file)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({}, "effects are a list, got dict"),
        (["blur"], "effect 1: an effect is an object with kind and target, got str"),
        ([{"kind": "blur"}], "effect 1: effect blur lacks target"),
        ([{"kind": ["blur"], "target": 1}], "kind is one of"),
        ([{"kind": "blur", "target": True}], "an object's id"),
        ([{"kind": "blur", "target": 1, "radius": True}], "radius is a number"),
        ([{"kind": "blur", "target": 1, "radius": None}], "radius is a number"),
        ([{"kind": "blur", "target": []}], "an object's id"),
        ([{"kind": "follow", "target": 1, "text": "a\nb"}], "one line"),
        ([{"kind": "follow", "target": 1, "text": "a", "place": []}], "place is one of"),
        ([{"kind": "replace", "target": 1, "picture": "beach.png"}], "data:image/png;base64"),
        ([{"kind": "replace", "target": 1, "picture": 3}], "picture is a text"),
        ([{"kind": "replace", "target": 1, "picture": "data:image/png;base64,???"}], "not base64"),
        (
            [
                {
                    "kind": "replace",
                    "target": 1,
                    "picture": "data:image/png;base64,R0lGODlh",
                }
            ],
            "a PNG, JPEG or WebP file",
        ),
        ([{"kind": "blur", "target": 1}] * (MOST_EFFECTS + 1), f"there may be {MOST_EFFECTS} effects"),
    ],
)
def test_json_that_is_no_effect_is_refused(value: object, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        effects_from_json(value)


def test_a_picture_covers_the_frame_with_its_middle() -> None:
    striped = np.zeros((10, 40, 3), np.uint8)
    striped[:, 15:25] = 255
    out = io.BytesIO()
    Image.fromarray(striped).save(out, "PNG")
    assert decode_picture(out.getvalue(), 10, 10).min() == 255
    assert decode_picture(png(4, 6), 30, 20).shape == (30, 20, 3)
    with pytest.raises(ValueError, match="cannot be read"):
        decode_picture(png(40, 40)[:60], 5, 5)


def test_what_effects_need() -> None:
    assert has_alpha([Blur(target=1), CutOut(target=1)])
    assert not has_alpha([Blur(target=1)])
    check_targets([Blur(target=1), Blur(target="background")], [1, 2])
    with pytest.raises(ValueError, match=r"there is no object 3; objects: \[1, 2\]"):
        check_targets([Blur(target=3)], [1, 2])
    assert rgb("#ff8000") == (255, 128, 0)
    assert rgb("#f80") == (255, 136, 0)


def test_the_page_knows_the_same_effects() -> None:
    """The page's table (web/src/core/effects.ts) is tested against this file."""
    vectors = json.loads((Path(__file__).parents[1] / "vectors" / "effects.json").read_text(encoding="utf-8"))
    assert [vector["kind"] for vector in vectors] == list(KINDS)
