"""Prompts as pictures, as the bundled model reads them."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from masklet.model.configs import NANO
from masklet.model.drawing import EVIDENCE, Drawing
from masklet.model.prompt_encoder import Points
from masklet.model.sam2 import Sam2

SIDE = 128
CELLS = SIDE // 4
MASK, YES, NO, OUTSIDE = range(4)


@pytest.fixture(scope="module")
def drawing() -> Drawing:
    return Drawing(NANO.at(SIDE))


def points(*marks: tuple[float, float, int]) -> Points:
    return Points(
        torch.tensor([[[x, y] for x, y, _ in marks]], dtype=torch.float32), torch.tensor([[m for *_, m in marks]])
    )


def test_clicks_are_where_they_are_each_kind_on_its_map(drawing: Drawing) -> None:
    maps = drawing(points((30, 40, 1), (100, 90, 0)), None)
    assert maps is not None
    assert maps.shape == (1, 4, CELLS, CELLS)
    assert maps[0, YES, 10, 7] > 0.9 * EVIDENCE
    assert maps[0, NO, 22, 25] > 0.9 * EVIDENCE
    assert maps[0, YES, 22, 25] < 0.1
    assert maps[0, NO, 10, 7] < 0.1
    assert maps[0, [YES, NO], 31, 0].max() < 0.1
    assert not maps[0, [MASK, OUTSIDE]].any()
    assert maps.min() >= 0
    assert maps.max() <= EVIDENCE


def test_clicks_side_by_side_are_no_stronger_than_one(drawing: Drawing) -> None:
    maps = drawing(points((64, 64, 1), (65, 64, 1)), None)
    assert maps is not None
    assert maps.max() <= EVIDENCE


def test_a_box_rules_out_what_lies_outside(drawing: Drawing) -> None:
    maps = drawing(points((20, 40, 2), (100, 80, 3)), None)
    assert maps is not None
    inside = torch.zeros(CELLS, CELLS, dtype=torch.bool)
    inside[10:20, 5:25] = True
    assert (maps[0, OUTSIDE] == EVIDENCE * (~inside).float()).all()
    assert not maps[0, [MASK, YES, NO]].any()


def test_a_correction_leaves_the_mask_as_it_was(drawing: Drawing) -> None:
    earlier = 3 * EVIDENCE * torch.randn(1, 1, CELLS, CELLS)
    maps = drawing(points((64, 64, 0)), earlier)
    assert maps is not None
    torch.testing.assert_close(maps[:, MASK, None], earlier.clamp(-EVIDENCE, EVIDENCE))
    assert maps[0, NO, 16, 16] > 0.8 * EVIDENCE


@pytest.mark.parametrize("nothing", [None, points((0, 0, -1))])
def test_without_a_point_there_is_the_mask_or_nothing(drawing: Drawing, nothing: Points | None) -> None:
    assert drawing(nothing, None) is None
    earlier = torch.randn(1, 1, CELLS, CELLS)
    maps = drawing(nothing, earlier)
    assert maps is not None
    torch.testing.assert_close(maps[:, :1], earlier)
    assert not maps[:, 1:].any()


def test_objects_of_a_batch_are_drawn_apart(drawing: Drawing) -> None:
    one, two = points((30, 40, 1)), points((90, 20, 0))
    both = Points(torch.cat((one.coordinates, two.coordinates)), torch.cat((one.labels, two.labels)))
    maps, first, second = (drawing(p, None) for p in (both, one, two))
    assert maps is not None
    assert first is not None
    assert second is not None
    torch.testing.assert_close(maps, torch.cat((first, second)))


def test_what_is_drawn_reaches_the_masks_at_every_stride() -> None:
    """With nothing at stride 16, a click changes the masks through the skips, and only once these are trained."""
    torch.manual_seed(0)
    model = Sam2(replace(NANO.at(64), drawing=True)).eval()
    assert model.drawing is not None
    model.prompt_encoder.mask_downscaling.get_parameter("0.weight").data[:, 1:] = 0
    features = model.encode_image(torch.randn(1, 3, 64, 64))
    click = Points(torch.tensor([[[20.0, 30.0]]]), torch.tensor([[1]]))
    mask = torch.zeros(1, 1, 16, 16)
    with torch.inference_mode():
        drawn = model.drawing(click, mask)
        assert drawn is not None
        assert [tuple(skip.shape) for skip in model.drawing.skips(drawn)] == [(1, 16, 16, 16), (1, 32, 8, 8)]
        before = model.decode(features.embedding, features, points=click, masks=mask).logits
        for skip in (model.drawing.skip4, model.drawing.skip8):
            skip.weight.normal_()
            after = model.decode(features.embedding, features, points=click, masks=mask).logits
            assert not torch.allclose(before, after)
            before = after


def test_a_model_without_drawing_has_none_of_it() -> None:
    plain = Sam2(replace(NANO.at(64), drawing=False, refinement=None))
    assert plain.drawing is None
    assert plain.prompt_encoder.mask_downscaling[0].weight.shape == (4, 1, 2, 2)
