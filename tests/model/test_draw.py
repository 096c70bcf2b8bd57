"""Points drawn into the mask prompt, as the bundled model reads them."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from masklet.model.configs import NANO
from masklet.model.prompt_encoder import EVIDENCE, Points, PromptEncoder
from masklet.model.sam2 import Sam2

SIDE = 128
CELLS = SIDE // 4


@pytest.fixture(scope="module")
def encoder() -> PromptEncoder:
    return PromptEncoder(NANO.at(SIDE))


def points(*marks: tuple[float, float, int]) -> Points:
    return Points(
        torch.tensor([[[x, y] for x, y, _ in marks]], dtype=torch.float32), torch.tensor([[m for *_, m in marks]])
    )


def test_clicks_say_yes_and_no_where_they_are_and_nothing_far_off(encoder: PromptEncoder) -> None:
    drawn = encoder.draw(points((30, 40, 1), (100, 90, 0)), None)
    assert drawn is not None
    assert drawn.shape == (1, 1, CELLS, CELLS)
    assert drawn[0, 0, 10, 7] > 0.9 * EVIDENCE
    assert drawn[0, 0, 22, 25] < -0.9 * EVIDENCE
    assert abs(float(drawn[0, 0, 31, 0])) < 0.1
    assert drawn.abs().max() <= EVIDENCE


def test_a_box_rules_out_what_lies_outside(encoder: PromptEncoder) -> None:
    drawn = encoder.draw(points((20, 40, 2), (100, 80, 3)), None)
    assert drawn is not None
    inside = torch.zeros(CELLS, CELLS, dtype=torch.bool)
    inside[10:20, 5:25] = True
    assert (drawn[0, 0][inside] == 0).all()
    assert (drawn[0, 0][~inside] == -EVIDENCE).all()


def test_corrections_change_earlier_logits_around_them_only(encoder: PromptEncoder) -> None:
    earlier = torch.full((1, 1, CELLS, CELLS), 20.0)
    drawn = encoder.draw(points((64, 64, 0)), earlier)
    assert drawn is not None
    assert drawn[0, 0, 16, 16] < -0.8 * EVIDENCE
    assert drawn[0, 0, 2, 2] == pytest.approx(20, abs=0.1)


def test_without_a_point_nothing_is_drawn(encoder: PromptEncoder) -> None:
    padding = points((0, 0, -1))
    assert encoder.draw(padding, None) is None
    earlier = torch.randn(1, 1, CELLS, CELLS)
    assert encoder.draw(padding, earlier) is earlier


def test_objects_of_a_batch_are_drawn_apart(encoder: PromptEncoder) -> None:
    one, two = points((30, 40, 1)), points((90, 20, 0))
    both = Points(torch.cat((one.coordinates, two.coordinates)), torch.cat((one.labels, two.labels)))
    drawn, first, second = (encoder.draw(p, None) for p in (both, one, two))
    assert drawn is not None
    assert first is not None
    assert second is not None
    torch.testing.assert_close(drawn, torch.cat((first, second)))


def test_a_model_that_draws_is_one_that_is_given_the_drawing() -> None:
    torch.manual_seed(0)
    drawing = Sam2(replace(NANO.at(64), draw_points=True)).eval()
    plain = Sam2(replace(NANO.at(64), draw_points=False)).eval()
    plain.load_state_dict(drawing.state_dict())
    click = Points(torch.tensor([[[20.0, 30.0]]]), torch.tensor([[1]]))
    with torch.inference_mode():
        features = plain.encode_image(torch.randn(1, 3, 64, 64))
        found = drawing.decode(features.embedding, features, points=click)
        shown = plain.prompt_encoder.draw(click, None)
        given = plain.decode(features.embedding, features, points=click, masks=shown)
        without = plain.decode(features.embedding, features, points=click)
    assert torch.equal(found.logits, given.logits)
    assert not torch.equal(found.logits, without.logits)
