"""What effects do to pixels."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from masklet.export import apply_effects
from masklet.export.effect_text import MissingGlyph, text_picture
from masklet.export.effects import (
    KINDS,
    Blur,
    CutOut,
    Desaturate,
    Effect,
    Erase,
    Follow,
    Gradient,
    Number,
    Outline,
    Overlay,
    Pixelate,
    Replace,
    Spotlight,
    Target,
    parameters,
)
from masklet.masks import Rle

HEIGHT, WIDTH = 40, 56
WITHIN = sorted({"erase", "blur", "pixelate", "desaturate", "gradient", "overlay", "replace"})
"""Kinds that change their target only."""


def noise(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)


def block(y: int = 10, x: int = 12, height: int = 15, width: int = 20) -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[y : y + height, x : x + width] = True
    return mask


def made(kind: str, **values: Any) -> Effect:
    return KINDS[kind](**{"target": 1, **({"text": "Hi"} if kind == "follow" else {}), **values})


def sharp(effect: Effect) -> Effect:
    """The effect on exactly its target."""
    known = parameters(type(effect))
    return replace(effect, **{name: 0 for name in ("feather", "grow") if name in known})


def blobs(data: st.DataObject) -> np.ndarray:
    random = np.random.default_rng(data.draw(st.integers(0, 1000)))
    soft = cv2.GaussianBlur(random.random((HEIGHT, WIDTH)).astype(np.float32), (0, 0), 3)
    return soft > np.quantile(soft, data.draw(st.floats(0.05, 0.95)))


def drawn(data: st.DataObject, kinds: list[str], **values: Any) -> Effect:
    """Any effect of these kinds."""
    kind = data.draw(st.sampled_from(kinds))
    for name, parameter in parameters(KINDS[kind]).items():
        if isinstance(parameter, Number):
            low, high = parameter.low, min(parameter.high, 40)
            values[name] = data.draw(st.integers(int(low), int(high)) if parameter.whole else st.floats(low, high))
    return made(kind, **values)


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_pixels_beyond_the_target_are_untouched(data: st.DataObject) -> None:
    frame, mask = noise(), blobs(data)
    effect = sharp(drawn(data, WITHIN, target=data.draw(st.sampled_from([1, "background"]))))
    inside = mask if effect.target == 1 else ~mask
    before = frame.copy()
    result = apply_effects(frame, {1: mask}, [effect])
    assert np.array_equal(frame, before), "the frame itself stays"
    assert result.shape == frame.shape
    assert np.array_equal(result[~inside], frame[~inside])


@settings(deadline=None, max_examples=40)
@given(st.data())
def test_a_feather_reaches_as_far_as_it_says(data: st.DataObject) -> None:
    frame, mask = noise(), blobs(data)
    effect = drawn(data, [kind for kind in WITHIN if kind not in ("erase", "pixelate")])
    feather = int(np.ceil(effect.to_json().get("feather", 1)))
    reach = cv2.dilate(mask.astype(np.uint8), np.ones((2 * feather + 1, 2 * feather + 1), np.uint8)) > 0
    result = apply_effects(frame, {1: mask}, [effect])
    assert np.array_equal(result[~reach], frame[~reach])


@settings(deadline=None, max_examples=40)
@given(st.data())
def test_blur_and_squares_keep_to_the_target_s_own_colours(data: st.DataObject) -> None:
    mask = blobs(data)
    frame = np.where(mask[:, :, None], noise() // 4, 255).astype(np.uint8)
    effect = sharp(drawn(data, ["blur", "pixelate"]))
    assert apply_effects(frame, {1: mask}, [effect])[mask].max() < 64, "none of the white around it"


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_effects_that_need_no_second_time(data: st.DataObject) -> None:
    mask = blobs(data)
    kinds = ["erase", "pixelate", "replace", "desaturate", "cut-out"]
    effect = sharp(drawn(data, kinds))
    if isinstance(effect, Desaturate):
        effect = replace(effect, amount=1)
    once = apply_effects(noise(), {1: mask}, [effect]).astype(int)
    twice = apply_effects(noise(), {1: mask}, [effect, effect]).astype(int)
    assert np.abs(once - twice).max() <= 1


@pytest.mark.parametrize("kind", KINDS)
def test_an_object_that_is_not_there_leaves_the_frame(kind: str) -> None:
    frame = noise()
    for masks in ({1: np.zeros((HEIGHT, WIDTH), bool)}, {}):
        result = apply_effects(frame, masks, [made(kind)])
        if kind == "cut-out":
            assert not result.any(), "all is transparent"
        else:
            assert np.array_equal(result, frame)


@pytest.mark.parametrize("kind", KINDS)
def test_an_object_that_is_the_whole_frame(kind: str) -> None:
    frame, whole = noise(), np.ones((HEIGHT, WIDTH), bool)
    result = apply_effects(frame, {1: whole}, [made(kind)])
    if kind in ("erase", "spotlight", "outline"):
        assert np.array_equal(result, frame)
    elif kind == "cut-out":
        assert np.array_equal(result, np.dstack([frame, np.full((HEIGHT, WIDTH), 255, np.uint8)]))
    else:
        assert not np.array_equal(result, frame)


def test_order_matters() -> None:
    frame, masks = noise(), {1: block()}
    cut, line = CutOut(target=1, feather=0), Outline(target=1, colour="#ff0000", width=3)
    sticker = apply_effects(frame, masks, [cut, line])
    bare = apply_effects(frame, masks, [line, cut])
    assert tuple(sticker[8, 20]) == (255, 0, 0, 255), "the line is opaque on what was cut out before"
    assert tuple(bare[8, 20]) == (0, 0, 0, 0), "the line is cut off"
    grey = apply_effects(frame, masks, [Overlay(target=1, opacity=1, colour="#ff0000"), Desaturate(target=1)])
    red = apply_effects(frame, masks, [Desaturate(target=1), Overlay(target=1, opacity=1, colour="#ff0000")])
    assert tuple(grey[15, 20]) == (54, 54, 54)
    assert tuple(red[15, 20]) == (255, 0, 0)


def test_targets() -> None:
    frame = noise()
    one, two = block(0, 0, 10, 10), block(20, 30, 10, 10)
    masks = {1: one, 2: Rle.encode(two)}
    expected: dict[Target, np.ndarray] = {1: one, 2: two, "objects": one | two, "background": ~(one | two)}
    for target, mask in expected.items():
        result = apply_effects(frame, masks, [Replace(target=target, colour="#010203", feather=0)])
        assert np.array_equal((result == (1, 2, 3)).all(axis=2), mask)


def test_erase_goes_on_from_around() -> None:
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    ramp = np.stack([4 * x, 5 * y, 2 * (x + y)], axis=2).astype(np.uint8)
    mask = block()
    result = apply_effects(np.where(mask[:, :, None], 255, ramp).astype(np.uint8), {1: mask}, [Erase(target=1, grow=0)])
    difference = np.abs(result.astype(int) - ramp)[mask]
    assert difference.max() < 30
    assert difference.mean() < 8
    seam = block(9, 11, 17, 22) & ~block(11, 13, 13, 18)
    assert np.abs(result.astype(int) - ramp)[seam].max() < 12, "no edge is seen"


def test_erase_also_takes_what_is_close_by() -> None:
    frame = np.full((HEIGHT, WIDTH, 3), 100, np.uint8)
    frame[block(8, 10, 19, 24)] = 255
    assert apply_effects(frame, {1: block()}, [Erase(target=1, grow=2)]).max() > 200
    assert np.abs(apply_effects(frame, {1: block()}, [Erase(target=1, grow=5)]).astype(int) - 100).max() <= 1


def test_squares_lie_on_a_grid_that_stays() -> None:
    frame = noise()
    result = apply_effects(frame, {1: np.ones((HEIGHT, WIDTH), bool)}, [Pixelate(target=1, size=8)])
    squares = result.reshape(HEIGHT // 8, 8, WIDTH // 8, 8, 3)
    assert np.array_equal(squares, np.broadcast_to(squares[:, :1, :, :1], squares.shape))
    means = frame.reshape(squares.shape).mean(axis=(1, 3))
    assert np.abs(squares[:, 0, :, 0] - means).max() <= 0.51


def test_blur_is_gaussian() -> None:
    frame = np.random.default_rng(0).integers(0, 256, (200, 300, 3), dtype=np.uint8)
    frame[50:150, 100:200] //= 4
    for radius in (2, 20):
        result = apply_effects(frame, {1: np.ones((200, 300), bool)}, [Blur(target=1, radius=radius)])
        expected = cv2.GaussianBlur(frame, (0, 0), radius, borderType=cv2.BORDER_REPLICATE)
        assert np.abs(result.astype(int) - expected)[60:-60, 60:-60].max() <= 4


def test_gradient_runs_over_the_box() -> None:
    effect = Gradient(target=1, start="#000000", end="#ffffff", angle=0, opacity=1, feather=0)
    row = apply_effects(noise(), {1: block()}, [effect])[15, 12:32, 0].astype(int)
    assert row[0] < 10
    assert row[-1] > 245
    assert (np.diff(row) > 0).all()
    down = apply_effects(noise(), {1: block()}, [replace(effect, angle=90)])[10:25, 20, 0].astype(int)
    assert (np.diff(down) > 0).all()


def test_spotlight_darkens_the_rest() -> None:
    frame, mask = noise(), block()
    result = apply_effects(frame, {1: mask}, [Spotlight(target=1, darkness=0.5, feather=0)])
    assert np.array_equal(result[mask], frame[mask])
    assert np.abs(result[~mask] - frame[~mask] / 2).max() <= 0.51


def test_outline_lies_around_the_target() -> None:
    frame, mask = noise(), block()
    result = apply_effects(frame, {1: mask}, [Outline(target=1, colour="#00ff00", width=3)])
    painted = (result == (0, 255, 0)).all(axis=2)
    assert np.array_equal(result[mask], frame[mask])
    assert painted[7:10, 12:32].all()
    assert np.array_equal(result[:6], frame[:6])


def test_cut_outs_keep_what_all_of_them_keep() -> None:
    frame = noise()
    masks = {1: block(5, 5, 20, 20), 2: block(10, 10, 20, 20)}
    result = apply_effects(frame, masks, [CutOut(target=1, feather=0), CutOut(target=2, feather=0)])
    both = masks[1] & masks[2]
    assert np.array_equal(result[:, :, 3], both * np.uint8(255))
    assert np.array_equal(result[both][:, :3], frame[both])
    assert not result[~both].any()


def test_a_replaced_background_is_opaque_again() -> None:
    frame, mask = noise(), block()
    effects = [CutOut(target=1, feather=0), Replace(target="background", colour="#0000ff", feather=0)]
    result = apply_effects(frame, {1: mask}, effects)
    assert (result[:, :, 3] == 255).all()
    assert np.array_equal(result[mask][:, :3], frame[mask])
    assert (result[~mask] == (0, 0, 255, 255)).all()


def test_text_follows_the_box() -> None:
    frame = np.zeros((HEIGHT * 3, WIDTH * 3, 3), np.uint8)

    def centre(x: int, **boxes: Any) -> tuple[float, float]:
        mask = np.zeros(frame.shape[:2], bool)
        mask[60:90, x : x + 30] = True
        result = apply_effects(frame, {1: mask}, [Follow(target=1, text="Hi", size=20, place="centre")], **boxes)
        weight = result[:, :, 0] / result[:, :, 0].sum()
        rows, columns = np.indices(weight.shape)
        return float((rows * weight).sum()), float((columns * weight).sum())

    y, x = centre(40)
    assert abs(y - 75) < 5
    assert abs(x - 55) < 5
    assert centre(60) == pytest.approx((y, x + 20), abs=0.01)
    fine = centre(40, boxes={1: (40.5, 60.0, 70.5, 90.0)})
    assert fine[1] - x == pytest.approx(0.5, abs=0.1), "by fractions of a pixel"


@pytest.mark.parametrize("place", ["above", "below"])
def test_text_above_and_below_stays_off_the_object_and_in_the_picture(place: str) -> None:
    frame = np.zeros((120, 160, 3), np.uint8)
    mask = np.zeros(frame.shape[:2], bool)
    mask[50:70, 0:12] = True
    result = apply_effects(frame, {1: mask}, [Follow(target="objects", text="a long text", size=16, place=place)])
    rows, columns = np.nonzero(result.max(axis=2))
    assert rows.size
    assert rows.max() < 50 if place == "above" else rows.min() >= 70
    assert columns.min() < 8


def test_text_larger_than_the_picture_is_cut() -> None:
    mask = block()
    result = apply_effects(noise(), {1: mask}, [Follow(target=1, text="far too long for this", size=40)])
    assert result.shape == (HEIGHT, WIDTH, 3)


def test_text_is_opaque_on_a_cut_out() -> None:
    mask = block(32, 20, 6, 16)
    effects = [CutOut(target=1), Follow(target=1, text="H", size=20, colour="#ff0000")]
    result = apply_effects(noise(), {1: mask}, effects)[:30]
    letters = result[:, :, 3] > 220
    assert letters.any()
    assert result[letters][:, 0].max() > 220
    assert result[letters][:, 1].max() < 40, "nothing of what was cut out"


def test_a_character_that_no_font_has_is_named() -> None:
    with pytest.raises(MissingGlyph, match=r"U\+10FFFE"):
        text_picture("a\U0010fffe", 20, (0, 0, 0))


def test_what_is_no_frame_or_mask_is_refused() -> None:
    with pytest.raises(ValueError, match="expected an HxWx3 uint8 picture"):
        apply_effects(noise()[:, :, 0], {}, [])
    with pytest.raises(ValueError, match="object 1: expected a mask of 40x56"):
        apply_effects(noise(), {1: np.zeros((3, 4), bool)}, [Blur(target=1)])
