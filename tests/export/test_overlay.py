"""What is drawn, and where."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from masklet.export import OverlayStyle, contact_sheet, draw_masks, draw_prompts
from masklet.export.overlay import NEGATIVE, POSITIVE
from masklet.masks import Rle
from masklet.masks.palette import object_colour

GREY = np.full((200, 300, 3), 128, np.uint8)
BARE = OverlayStyle(fill=0.5, contour=0, labels=False)


def block(y0: int, y1: int, x0: int, x1: int) -> np.ndarray:
    mask = np.zeros(GREY.shape[:2], bool)
    mask[y0:y1, x0:x1] = True
    return mask


def test_fill_has_the_colour_and_opacity_asked_for() -> None:
    drawn = draw_masks(GREY, {1: block(50, 150, 60, 200)}, style=BARE)
    expected = (np.array(object_colour(1)) + 128) / 2
    np.testing.assert_allclose(drawn[100, 130], expected, atol=1)
    np.testing.assert_array_equal(drawn[20, 20], GREY[20, 20])


def test_contour_lies_on_the_edge_in_full_colour() -> None:
    style = OverlayStyle(fill=0, contour=6, labels=False)
    drawn = draw_masks(GREY, {2: block(50, 150, 60, 200)}, style=style)
    np.testing.assert_allclose(drawn[100, 60], object_colour(2), atol=3)
    np.testing.assert_allclose(drawn[100, 199], object_colour(2), atol=3)
    np.testing.assert_array_equal(drawn[100, 130], GREY[100, 130])
    np.testing.assert_array_equal(drawn[100, 40], GREY[100, 40])


def test_no_contour_along_the_edge_of_the_picture() -> None:
    style = OverlayStyle(fill=0, contour=6, labels=False)
    np.testing.assert_array_equal(draw_masks(GREY, {1: np.ones((200, 300))}, style=style), GREY)


def test_every_pixel_of_a_thin_mask_is_visible() -> None:
    mask = block(30, 31, 10, 290) | block(100, 101, 100, 101)
    drawn = draw_masks(GREY, {1: mask}, style=OverlayStyle(labels=False))
    assert (np.abs(drawn[mask].astype(int) - 128).max(axis=1) > 20).all()


@settings(max_examples=30, deadline=None)
@given(
    st.integers(0, 199), st.integers(0, 299), st.integers(1, 80), st.integers(1, 80), st.integers(0, 300), st.booleans()
)
def test_only_the_neighbourhood_changes(y: int, x: int, high: int, wide: int, object_id: int, labels: bool) -> None:
    mask = block(y, y + high, x, x + wide)
    before = GREY.copy()
    drawn = draw_masks(before, {object_id: mask}, style=OverlayStyle(labels=labels))
    np.testing.assert_array_equal(before, GREY)
    assert drawn.shape == GREY.shape
    assert (drawn != GREY).any()
    reach = 40 if labels else 10
    far = np.ones(GREY.shape[:2], bool)
    far[max(y - reach, 0) : y + high + reach, max(x - reach, 0) : x + wide + reach] = False
    np.testing.assert_array_equal(drawn[far], GREY[far])


def test_rle_and_array_are_drawn_alike_and_empty_masks_not() -> None:
    mask = block(20, 90, 30, 70)
    np.testing.assert_array_equal(draw_masks(GREY, {3: mask}), draw_masks(GREY, {3: Rle.encode(mask)}))
    np.testing.assert_array_equal(draw_masks(GREY, {1: np.zeros((200, 300)), 2: Rle.empty(200, 300)}), GREY)


def test_small_masks_stay_visible_on_large_ones() -> None:
    small, large = block(90, 110, 90, 110), block(20, 180, 20, 280)
    for masks in ({1: small, 2: large}, {2: large, 1: small}):
        drawn = draw_masks(GREY, masks, style=OverlayStyle(fill=1, contour=0, labels=False))
        np.testing.assert_allclose(drawn[100, 100], object_colour(1), atol=1)


def test_labels_show_id_or_name() -> None:
    mask = block(40, 160, 50, 250)
    plain = draw_masks(GREY, {1: mask}, style=OverlayStyle(labels=False))
    labelled = draw_masks(GREY, {1: mask})
    named = draw_masks(GREY, {1: mask}, names={1: "a very long name that cannot be written in full"})
    assert (labelled != plain).any()
    assert (named != plain).sum() > (labelled != plain).sum()


def test_drawing_refuses() -> None:
    with pytest.raises(ValueError, match="object 4: expected a mask of 200x300"):
        draw_masks(GREY, {4: np.ones((300, 200))})
    with pytest.raises(ValueError, match="object 4: expected a mask of 200x300"):
        draw_masks(GREY, {4: Rle.empty(300, 200)})
    with pytest.raises(ValueError, match="HxWx3 uint8"):
        draw_masks(np.asarray(GREY, dtype="float32"), {})
    with pytest.raises(ValueError, match="opacity"):
        OverlayStyle(fill=1.5)
    with pytest.raises(ValueError, match="width"):
        OverlayStyle(contour=-1)


def test_prompts_are_drawn_where_they_are() -> None:
    prompts = [
        {"object": 1, "points": [[50, 60], [200, 100]], "labels": [1, 0]},
        {"object": 2, "box": [120, 20, 260, 180]},
        {"object": 2, "points": [[20.5, 180.0]]},
    ]
    drawn = draw_prompts(GREY, prompts)
    np.testing.assert_array_equal(drawn[60, 50], (255, 255, 255))
    assert (drawn[55:66, 45:56] == POSITIVE).all(axis=2).any()
    assert (drawn[95:106, 195:206] == NEGATIVE).all(axis=2).any()
    assert (drawn[175:186, 15:26] == POSITIVE).all(axis=2).any()
    assert (drawn[18:23, 150] == object_colour(2)).all(axis=1).any()
    np.testing.assert_array_equal(drawn[150, 40], GREY[150, 40])
    with pytest.raises(ValueError, match="zip"):
        draw_prompts(GREY, [{"points": [[1, 2]], "labels": [1, 0]}])
    with pytest.raises(ValueError, match="a box is"):
        draw_prompts(GREY, [{"box": [1, 2, 3]}])


def test_contact_sheet_holds_all_frames() -> None:
    frames = [np.full((90, 160, 3), 40 + 30 * i, np.uint8) for i in range(5)]
    sheet = contact_sheet(frames, [{}] * 5, columns=3, cell_width=160, title="five", numbers=[0, 5, 10, 15, 20])
    assert sheet.dtype == np.uint8
    for i in range(5):
        assert (sheet == 40 + 30 * i).all(axis=2).sum() > 0.8 * 90 * 160
    assert sheet.shape[1] > 3 * 160
    assert 2 * 90 < sheet.shape[0] < 3 * 90


def test_contact_sheet_draws_masks_and_scales_prompts() -> None:
    frame = np.full((400, 800, 3), 128, np.uint8)
    mask = np.zeros((400, 800), bool)
    mask[:, :400] = True
    prompts = [[{"object": 1, "points": [(600, 200)], "box": [500, 100, 700, 300]}]]
    sheet = contact_sheet([frame], [{1: mask}], prompts=prompts, cell_width=400, style=BARE)
    top, left = (sheet.shape[0] - 200) // 2, (sheet.shape[1] - 400) // 2
    np.testing.assert_allclose(sheet[top + 100, left + 100], (np.array(object_colour(1)) + 128) / 2, atol=2)
    np.testing.assert_array_equal(sheet[top + 100, left + 300], (255, 255, 255))


def test_contact_sheet_takes_frames_of_different_size_and_refuses_others() -> None:
    frames = [np.zeros((40, 60, 3), np.uint8), np.zeros((90, 30, 3), np.uint8)]
    assert contact_sheet(frames, [{}, {1: np.ones((90, 30))}]).ndim == 3
    with pytest.raises(ValueError, match="at least one frame"):
        contact_sheet([], [])
    with pytest.raises(ValueError, match="one length"):
        contact_sheet(frames, [{}])
    with pytest.raises(ValueError, match="at least 16 pixels"):
        contact_sheet(frames, [{}, {}], cell_width=3)
