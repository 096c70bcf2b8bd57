"""The second look at prompted frames: what it may change, and what it must leave alone."""

from __future__ import annotations

from dataclasses import asdict, replace

import pytest
import torch
from torch import Tensor

from masklet.model.checkpoints import config_from_dict, load, save
from masklet.model.configs import NANO, RefinementConfig
from masklet.model.encoder import ImageFeatures
from masklet.model.mask_decoder import Decoded
from masklet.model.prompt_encoder import PADDING, Points
from masklet.model.sam2 import Sam2

SIDE = 64
CONFIG = replace(NANO.at(SIDE), refinement=RefinementConfig(width=8))
Marks = tuple[tuple[float, float, int], ...]
CLICK: Marks = ((20.0, 30.0, 1),)
TWO: Marks = (*CLICK, (50.0, 10.0, 0))
BOX: Marks = ((10.0, 10.0, 2), (40.0, 50.0, 3))
NOTHING: Marks = ((0.0, 0.0, PADDING),) * 2


def made(*, trained: bool = True) -> Sam2:
    torch.manual_seed(0)
    model = Sam2(CONFIG).eval()
    assert model.refinement is not None
    if trained:
        torch.nn.init.normal_(model.refinement.outputs.weight, std=0.5)
    return model


def points(*objects: Marks) -> Points:
    return Points(
        torch.tensor([[mark[:2] for mark in marks] for marks in objects]),
        torch.tensor([[mark[2] for mark in marks] for marks in objects]),
    )


@pytest.fixture(scope="module")
def seen() -> ImageFeatures:
    generator = torch.Generator().manual_seed(1)
    with torch.inference_mode():
        return made().encode_image(torch.randn(1, 3, SIDE, SIDE, generator=generator))


def answered(model: Sam2, seen: ImageFeatures, asked: Points | None, masks: Tensor | None = None) -> Decoded:
    with torch.inference_mode():
        return model.decode(model.without_memory(seen.embedding), seen, points=asked, masks=masks)


def without(model: Sam2) -> Sam2:
    plain = Sam2(replace(CONFIG, refinement=None)).eval()
    plain.load_state_dict(model.state_dict(), strict=False)
    return plain


def test_adds_nothing_until_it_is_trained(seen: ImageFeatures) -> None:
    model = made(trained=False)
    assert torch.equal(answered(model, seen, points(TWO)).logits, answered(without(model), seen, points(TWO)).logits)


def mask(objects: int = 1) -> Tensor:
    return torch.randn(objects, 1, SIDE // 4, SIDE // 4, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize(
    ("asked", "earlier"),
    [(TWO, None), (BOX, None), (CLICK, mask()), (TWO, mask())],
    ids=["clicks", "box", "click-on-mask", "clicks-on-mask"],
)
def test_corrects_masks_and_nothing_else(seen: ImageFeatures, asked: Marks, earlier: Tensor | None) -> None:
    model = made()
    refined, plain = (answered(m, seen, points(asked), earlier) for m in (model, without(model)))
    assert (refined.logits - plain.logits).abs().mean() > 1e-3
    assert torch.equal(refined.iou, plain.iou)
    assert torch.equal(refined.tokens, plain.tokens)
    assert torch.equal(refined.object_score, plain.object_score)


def test_what_a_lone_click_means_stays(seen: ImageFeatures) -> None:
    model = made()
    for asked in (points(CLICK), points((*CLICK, *NOTHING))):
        assert torch.equal(answered(model, seen, asked).logits, answered(without(model), seen, asked).logits)


def test_tracked_frames_and_given_masks_never_come_there(seen: ImageFeatures) -> None:
    model = made()
    plain = without(model)
    assert torch.equal(
        answered(model, seen, model.no_points(1)).logits, answered(plain, seen, plain.no_points(1)).logits
    )
    given = torch.zeros(1, 1, SIDE, SIDE)
    given[..., 10:30, 20:40] = 1
    with torch.inference_mode():
        assert torch.equal(model.mask_pointer(seen, given), plain.mask_pointer(seen, given))


def test_an_object_is_answered_alike_alone_and_beside_others(seen: ImageFeatures) -> None:
    model = made()
    masks = mask(2)
    both = answered(model, seen, points(TWO, NOTHING), masks)
    torch.testing.assert_close(both.logits[:1], answered(model, seen, points(TWO), masks[:1]).logits, atol=1e-4, rtol=0)
    # Nobody has pointed at the second one: the decoder's own answer stays.
    plain = answered(without(model), seen, points(TWO, NOTHING), masks)
    assert torch.equal(both.logits[1], plain.logits[1])
    assert not torch.equal(both.logits[0], plain.logits[0])


def test_it_sees_where_exactly_a_click_is() -> None:
    refinement = made().refinement
    assert refinement is not None
    maps = refinement._pointed(points(TWO), SIDE // 4)
    assert maps.shape == (1, 2, SIDE // 4, SIDE // 4)
    positive, negative = maps[0]
    assert positive.argmax() == 7 * (SIDE // 4) + 5  # cell of x 20, y 30
    assert negative.argmax() == 2 * (SIDE // 4) + 12
    assert positive[7, 9] < 0.1 < positive[7, 6]  # four cells away there is nothing left of it


def test_all_of_it_learns(seen: ImageFeatures) -> None:
    model = made().train()
    embedding = model.without_memory(seen.embedding.clone())
    features = ImageFeatures(seen.embedding.clone(), seen.stride4.clone(), seen.stride8.clone())
    model.decode(embedding, features, points=points(TWO)).logits.square().mean().backward()
    assert model.refinement is not None
    for name, parameter in model.refinement.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_the_configuration_survives_the_file() -> None:
    assert config_from_dict(asdict(CONFIG)) == CONFIG
    assert config_from_dict(asdict(replace(CONFIG, refinement=None))).refinement is None


def test_files_without_one_still_load(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("weights") / "old.safetensors"
    plain = Sam2(replace(CONFIG, refinement=None))
    save(plain, path)
    assert load(path).refinement is None


def test_needs_drawn_prompts() -> None:
    with pytest.raises(ValueError, match="drawing=True"):
        replace(CONFIG, drawing=False)
