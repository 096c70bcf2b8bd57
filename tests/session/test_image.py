from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from masklet.model.configs import NANO
from masklet.model.mask_decoder import Decoded
from masklet.model.sam2 import Sam2
from masklet.session.image import ImagePredictor
from masklet.session.selection import stability, take_candidate, take_plain, take_single
from masklet.session.still import Cleanup, mask_logits

HEIGHT, WIDTH = 48, 80


@pytest.fixture(scope="module")
def model() -> Sam2:
    torch.manual_seed(1)
    return Sam2(NANO.at(128)).eval()


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    return np.random.default_rng(2).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)


@pytest.fixture
def predictor(model: Sam2, picture: np.ndarray) -> ImagePredictor:
    predictor = ImagePredictor(model)
    predictor.set_image(picture)
    return predictor


@pytest.mark.parametrize(
    "prompt",
    [
        {"points": [[40, 20]], "labels": [1]},
        {"points": [40, 20]},
        {"points": [[40, 20], [80, 48]], "labels": [1, 0]},
        {"box": [10, 5, 60, 40]},
        {"box": [10, 5, 60, 40], "points": [[40, 20]], "labels": [0]},
        {"mask": np.eye(HEIGHT, WIDTH, dtype=np.uint8)},
        {"previous": np.zeros((1, 32, 32), np.float32), "points": [[40, 20]]},
    ],
)
@pytest.mark.parametrize("multimask", [True, False])
def test_every_prompt_gives_masks_of_the_pictures_size(predictor: ImagePredictor, prompt: dict, multimask: bool):
    found = predictor.predict(**prompt, multimask=multimask)
    count = 3 if multimask else 1
    assert found.masks.shape == found.logits.shape == (count, HEIGHT, WIDTH)
    assert found.masks.dtype == np.bool_
    assert found.logits.dtype == found.iou.dtype == found.stability.dtype == found.low_res.dtype == np.float32
    assert found.iou.shape == found.stability.shape == (count,)
    assert found.low_res.shape == (count, 32, 32)
    np.testing.assert_array_equal(found.masks, found.logits > 0)
    assert (np.abs(found.low_res) <= 32).all()
    assert ((found.iou >= 0) & (found.iou <= 1)).all()
    assert ((found.stability >= 0) & (found.stability <= 1)).all()
    assert found.iou[found.best] == found.iou.max()


def test_prompts_matter(predictor: ImagePredictor):
    plain = predictor.predict(points=[[40, 20]])
    for other in (
        predictor.predict(points=[[41, 20]]),
        predictor.predict(points=[[40, 20]], labels=[0]),
        predictor.predict(box=[10, 5, 60, 40]),
        predictor.predict(points=[[40, 20]], previous=plain.low_res[0]),
        predictor.predict(points=[[40, 20]], mask=np.eye(HEIGHT, WIDTH)),
    ):
        assert np.abs(other.low_res - plain.low_res).max() > 1e-6


def test_a_batch_equals_prompts_one_by_one(predictor: ImagePredictor):
    points = np.array([[[40, 20], [10, 10]], [[1, 2], [70, 40]], [[80, 48], [0, 0]]], np.float32)
    labels = np.array([[1, 0], [1, 1], [0, 1]])
    boxes = np.array([[10, 5, 60, 40], [0, 0, 80, 48], [1, 1, 2, 2]])
    for multimask in (True, False):
        many = predictor.predict_many(points=points, labels=labels, boxes=boxes, multimask=multimask)
        assert len(many) == 3
        for n, found in enumerate(many):
            alone = predictor.predict(points=points[n], labels=labels[n], box=boxes[n], multimask=multimask)
            np.testing.assert_allclose(found.logits, alone.logits, atol=1e-4)
            np.testing.assert_allclose(found.iou, alone.iou, atol=1e-5)
    alone = predictor.predict(box=boxes[1])
    np.testing.assert_allclose(predictor.predict_many(boxes=boxes)[1].logits, alone.logits, atol=1e-4)


def test_many_prompts_are_decoded_in_several_batches(predictor: ImagePredictor):
    points = np.stack(np.meshgrid(np.arange(10), np.arange(7)), axis=-1).reshape(-1, 1, 2)
    many = predictor.predict_many(points=points, multimask=False)
    assert len(many) == 70
    np.testing.assert_allclose(many[69].logits, predictor.predict(points=points[69], multimask=False).logits, atol=1e-4)


def test_pictures_of_different_sizes_as_one_batch(model: Sam2, picture: np.ndarray):
    other = np.ascontiguousarray(picture[:30, ::-1])
    predictor = ImagePredictor(model)
    predictor.set_image([picture, other])
    second = predictor.predict(points=[[5, 6]], image_index=1)
    assert second.masks.shape == (3, 30, WIDTH)
    predictor.set_image(other)
    np.testing.assert_allclose(predictor.predict(points=[[5, 6]]).logits, second.logits, atol=1e-4)


def test_a_pillow_picture_is_the_same_as_its_array(picture: np.ndarray, predictor: ImagePredictor):
    expected = predictor.predict(points=[[5, 6]])
    predictor.set_image(Image.fromarray(picture))
    np.testing.assert_array_equal(predictor.predict(points=[[5, 6]]).logits, expected.logits)
    predictor.set_image(Image.fromarray(picture[..., 0]))
    assert predictor.predict(points=[[5, 6]]).masks.shape == (3, HEIGHT, WIDTH)


def test_half_precision(picture: np.ndarray):
    torch.manual_seed(1)
    predictor = ImagePredictor(Sam2(NANO.at(64)).eval().to(torch.bfloat16))
    predictor.set_image(picture)
    found = predictor.predict(points=[[5, 6]], mask=np.eye(HEIGHT, WIDTH))
    assert found.logits.dtype == np.float32
    assert np.isfinite(found.logits).all()


@pytest.mark.parametrize(
    ("prompt", "message"),
    [
        ({}, "expected a prompt"),
        ({"labels": [1]}, "labels belong to points"),
        ({"points": [[90, 1]]}, "outside"),
        ({"points": [[np.nan, 1]]}, "finite"),
        ({"points": [[1, 1]], "labels": [3]}, "label"),
        ({"points": []}, "at least one point"),
        ({"box": [10, 1, 5, 9]}, "reversed or empty"),
        ({"mask": np.zeros((HEIGHT, WIDTH))}, "empty"),
        ({"mask": np.ones((WIDTH, HEIGHT))}, "shape"),
        ({"previous": np.zeros((3, 32, 32))}, "shape"),
        ({"previous": np.full((32, 32), np.nan)}, "finite"),
        ({"previous": np.zeros((32, 32)), "mask": np.ones((HEIGHT, WIDTH))}, "both"),
        ({"points": [[1, 1]], "image_index": 1}, "image_index"),
    ],
)
def test_wrong_prompts_are_refused(predictor: ImagePredictor, prompt: dict, message: str):
    with pytest.raises(ValueError, match=message):
        predictor.predict(**prompt)


@pytest.mark.parametrize(
    ("prompts", "message"),
    [
        ({}, "expected prompts"),
        ({"points": [[1, 2]]}, r"\[N, P, 2\]"),
        ({"points": np.zeros((2, 1, 2)), "labels": np.ones((3, 1))}, "2 and 3"),
        ({"points": np.zeros((2, 1, 2)), "boxes": np.ones((1, 4))}, "1 and 2"),
        ({"boxes": [[1, 2, 3, 4], [3, 2, 1]]}, r"\[N, 4\]"),
        ({"boxes": np.zeros((0, 4))}, "none"),
    ],
)
def test_wrong_batches_are_refused(predictor: ImagePredictor, prompts: dict, message: str):
    with pytest.raises(ValueError, match=message):
        predictor.predict_many(**prompts)


def test_wrong_pictures_are_refused_and_the_old_one_stays(predictor: ImagePredictor, picture: np.ndarray):
    expected = predictor.predict(points=[[5, 6]]).logits
    for wrong in (picture.astype(np.float32), picture[..., 0], picture[:0], [picture, picture[..., :2]], []):
        with pytest.raises(ValueError, match="expected"):
            predictor.set_image(wrong)  # pyright: ignore[reportArgumentType]
    with pytest.raises(TypeError, match="numpy array"):
        predictor.set_image(["a.png"])  # pyright: ignore[reportArgumentType]
    np.testing.assert_array_equal(predictor.predict(points=[[5, 6]]).logits, expected)


def test_no_picture_is_an_error(model: Sam2):
    predictor = ImagePredictor(model)
    with pytest.raises(RuntimeError, match="set_image"):
        predictor.predict(points=[[1, 1]])
    predictor.set_image(np.zeros((4, 4, 3), np.uint8))
    predictor.reset()
    with pytest.raises(RuntimeError, match="set_image"):
        predictor.predict_many(points=[[[1, 1]]])


def test_cleanup_mends_holes_and_sprinkles_of_at_most_the_area():
    logits = torch.full((1, 1, 12, 12), 5.0)
    logits[..., 2:4, 2:4] = -1.0  # a hole of 4
    logits[..., 6:11, 6:11] = -2.0  # a hole of 25 with a sprinkle of 1 in it
    logits[..., 8, 8] = 1.0
    holes = Cleanup(holes=4)(logits)
    assert (holes[..., 2:4, 2:4] == 10).all()
    assert holes[0, 0, 7, 7] == -2
    assert holes[0, 0, 8, 8] == 1
    assert torch.equal(Cleanup(holes=3)(logits), logits)
    sprinkles = Cleanup(threshold=0.5, sprinkles=1)(logits)
    assert sprinkles[0, 0, 8, 8] == -9.5
    assert (sprinkles[..., 2:4, 2:4] == -1).all()


def test_cleanup_reaches_the_prediction(model: Sam2, picture: np.ndarray):
    plain, cleaned = ImagePredictor(model), ImagePredictor(model, max_hole_area=1e6, max_sprinkle_area=0)
    for predictor in (plain, cleaned):
        predictor.set_image(picture)
    before, after = plain.predict(points=[[5, 6]]), cleaned.predict(points=[[5, 6]])
    np.testing.assert_array_equal(before.low_res, after.low_res)
    assert after.masks.all()
    assert not before.masks.all()


def test_a_mask_prompt_becomes_logits_of_ten():
    mask = torch.zeros(1, 1, 40, 60, dtype=torch.bool)
    mask[..., 10:30, 15:45] = True
    logits = mask_logits(mask, 128)
    assert logits.shape == (1, 1, 32, 32)
    assert logits[0, 0, 16, 16] == 10
    assert logits[0, 0, 1, 1] == -10
    np.testing.assert_array_equal((logits > 0)[0, 0, 8:24, 8:24], True)


def test_the_single_mask_gives_way_where_it_is_not_stable():
    logits = torch.full((2, 4, 8, 8), -20.0)
    logits[:, 0, 2:6, 2:6] = 20.0
    logits[1, 0, 2:4] = 0.01  # within the margin: vague
    logits[:, 2] = 3.0
    decoded = Decoded(
        logits=logits,
        iou=torch.tensor([[0.4, 0.1, 0.9, 0.2], [0.4, 0.1, 0.9, 0.2]]),
        tokens=torch.arange(8.0).reshape(2, 4, 1),
        object_score=torch.ones(2, 1),
    )
    single = take_single(decoded)
    assert torch.equal(single.logits[0], logits[0, :1])
    assert torch.equal(single.logits[1], logits[1, 2:3])
    torch.testing.assert_close(single.iou, torch.tensor([[0.4], [0.9]]))
    assert torch.equal(single.token, decoded.tokens[:, 0])
    assert torch.equal(take_candidate(decoded).token, decoded.tokens[:, 2])
    assert torch.equal(take_plain(decoded).logits, logits[:, :1])


def test_stability_is_the_iou_of_two_thresholds():
    logits = torch.tensor([[[2.0, 0.5, -0.5, -3.0]], [[-5.0, -5.0, -5.0, -5.0]]])
    torch.testing.assert_close(stability(logits), torch.tensor([1 / 3, 1.0]))
    torch.testing.assert_close(stability(logits, threshold=1.0, offset=0.6), torch.tensor([1 / 2, 1.0]))
