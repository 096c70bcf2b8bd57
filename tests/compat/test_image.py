from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from masklet.compat.sam2 import SAM2AutomaticMaskGenerator, SAM2ImagePredictor, build_sam2, build_sam2_video_predictor
from masklet.compat.sam2.base import SAM2Base
from masklet.masks.rle import Rle
from masklet.session.image import ImagePredictor

HEIGHT, WIDTH = 48, 80
SMALL = ["++model.image_size=128"]


@pytest.fixture(scope="module")
def model() -> SAM2Base:
    torch.manual_seed(5)
    return build_sam2("nano", device="cpu", hydra_overrides_extra=SMALL)


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    return np.random.default_rng(6).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)


@pytest.fixture
def predictor(model: SAM2Base, picture: np.ndarray) -> SAM2ImagePredictor:
    predictor = SAM2ImagePredictor(model)
    predictor.set_image(picture)
    return predictor


@pytest.fixture
def ours(model: SAM2Base, picture: np.ndarray) -> ImagePredictor:
    predictor = ImagePredictor(model.model)
    predictor.set_image(picture)
    return predictor


def test_shapes_dtypes_and_values_of_one_prompt(predictor: SAM2ImagePredictor, ours: ImagePredictor):
    masks, ious, low_res = predictor.predict(np.array([[40, 20], [3, 4]]), np.array([1, 0]))
    expected = ours.predict(points=[[40, 20], [3, 4]], labels=[1, 0])
    assert (masks.shape, ious.shape, low_res.shape) == ((3, HEIGHT, WIDTH), (3,), (3, 32, 32))
    assert masks.dtype == ious.dtype == low_res.dtype == np.float32
    np.testing.assert_array_equal(masks, expected.masks)
    np.testing.assert_array_equal(ious, expected.iou)
    np.testing.assert_array_equal(low_res, expected.low_res)
    logits, _, _ = predictor.predict(np.array([[40, 20], [3, 4]]), np.array([1, 0]), return_logits=True)
    np.testing.assert_array_equal(logits, expected.logits)


@pytest.mark.parametrize("multimask", [True, False])
def test_box_and_mask_input(predictor: SAM2ImagePredictor, ours: ImagePredictor, multimask: bool):
    box = np.array([10, 5, 60, 40])
    masks, ious, low_res = predictor.predict(box=box, multimask_output=multimask)
    expected = ours.predict(box=box, multimask=multimask)
    np.testing.assert_array_equal(masks, expected.masks)
    again = predictor.predict(box=box[None], mask_input=low_res[:1], multimask_output=multimask, return_logits=True)
    expected = ours.predict(box=box, previous=low_res[0], multimask=multimask)
    np.testing.assert_array_equal(again[0], expected.logits)
    alone = predictor.predict(mask_input=low_res[:1], multimask_output=multimask, return_logits=True)
    np.testing.assert_array_equal(alone[0], ours.predict(previous=low_res[0], multimask=multimask).logits)
    assert len(ious) == (3 if multimask else 1)


def test_several_prompts_at_once_have_a_leading_axis(predictor: SAM2ImagePredictor, ours: ImagePredictor):
    boxes = np.array([[10, 5, 60, 40], [0, 0, 30, 30]])
    points = np.array([[[40.0, 20.0]], [[5.0, 6.0]]])
    labels = np.array([[1], [0]])
    masks, ious, low_res = predictor.predict(points, labels, boxes, multimask_output=False)
    assert (masks.shape, ious.shape, low_res.shape) == ((2, 1, HEIGHT, WIDTH), (2, 1), (2, 1, 32, 32))
    for n in range(2):
        expected = ours.predict(points=points[n], labels=labels[n], box=boxes[n], multimask=False)
        np.testing.assert_allclose(low_res[n], expected.low_res, atol=1e-4)


def test_relative_coordinates_and_tensors(predictor: SAM2ImagePredictor):
    pixels = predictor.predict(np.array([[40, 12]]), np.array([1]), np.array([8, 0, 80, 24]), return_logits=True)
    relative = predictor.predict(
        torch.tensor([[0.5, 0.25]]),
        torch.tensor([1]),
        [0.1, 0, 1, 0.5],
        return_logits=True,
        normalize_coords=False,
    )
    np.testing.assert_allclose(pixels[0], relative[0], atol=1e-4)


def test_points_outside_are_taken_as_they_are(predictor: SAM2ImagePredictor):
    masks, _, _ = predictor.predict(box=np.array([-3.5, -1, 81, 50]))
    assert masks.shape == (3, HEIGHT, WIDTH)


def test_a_batch_of_images(model: SAM2Base, picture: np.ndarray):
    other = np.ascontiguousarray(picture[:30])
    predictor = SAM2ImagePredictor(model)
    predictor.set_image_batch([picture, other])
    masks, ious, low_res = predictor.predict_batch(
        [np.array([[5, 6]]), None], [np.array([1]), None], [None, np.array([1, 2, 30, 20])], multimask_output=False
    )
    assert [m.shape for m in masks] == [(1, HEIGHT, WIDTH), (1, 30, WIDTH)]
    assert len(ious) == len(low_res) == 2
    assert predictor.get_image_embedding().shape == (2, 128, 8, 8)
    single = SAM2ImagePredictor(model)
    single.set_image(other)
    expected = single.predict(box=np.array([1, 2, 30, 20]), multimask_output=False)
    np.testing.assert_allclose(low_res[1], expected[2], atol=1e-4)
    with pytest.raises(ValueError, match="2 images"):
        predictor.predict_batch([None])
    with pytest.raises(RuntimeError, match="set_image_batch"):
        single.predict_batch([None])


def test_embedding_device_and_reset(predictor: SAM2ImagePredictor, picture: np.ndarray):
    assert predictor.get_image_embedding().shape == (1, 128, 8, 8)
    assert predictor.device == torch.device("cpu")
    predictor.set_image(Image.fromarray(picture))
    predictor.reset_predictor()
    for call in (predictor.predict, predictor.get_image_embedding):
        with pytest.raises(RuntimeError, match="An image must be set"):
            call()


@pytest.mark.parametrize(
    ("prompt", "message"),
    [
        ({"point_coords": [[1, 2]]}, "supplied together"),
        ({"point_coords": [[1, 2]], "point_labels": [1, 1]}, r"\[P, 2\]"),
        ({"point_coords": [[1, np.nan]], "point_labels": [1]}, "finite"),
        ({"point_coords": [[1, 2]], "point_labels": [4]}, "point_labels"),
        ({"box": [1, 2, 3]}, r"box \[4\]"),
        ({"mask_input": np.zeros((1, 8, 8))}, "mask_input"),
        ({"point_coords": [[1, "a"]], "point_labels": [1]}, "numbers"),
        ({"point_coords": [[1, 2]], "point_labels": [1], "box": np.ones((2, 4))}, "as many"),
    ],
)
def test_wrong_prompts_are_refused(predictor: SAM2ImagePredictor, prompt: dict[str, Any], message: str):
    with pytest.raises(ValueError, match=message):
        predictor.predict(**prompt)


def test_what_can_be_wrapped(model: SAM2Base):
    assert SAM2ImagePredictor(model.model).device == model.device
    video = build_sam2_video_predictor("nano", device="cpu", hydra_overrides_extra=SMALL)
    assert SAM2ImagePredictor(video).model is video
    with pytest.raises(TypeError, match="build_sam2"):
        SAM2ImagePredictor("nano")  # pyright: ignore[reportArgumentType]
    with pytest.raises(TypeError, match="Pillow"):
        SAM2ImagePredictor(model).set_image("a.png")  # pyright: ignore[reportArgumentType]


def test_without_postprocessing_the_single_mask_stays(picture: np.ndarray):
    torch.manual_seed(5)
    bare = build_sam2("nano", device="cpu", hydra_overrides_extra=SMALL, apply_postprocessing=False)
    predictor = SAM2ImagePredictor(bare)
    predictor.set_image(picture)
    model = bare.model
    still = predictor._predictor.stills[0]
    _, _, low_res = predictor.predict(np.array([[5, 6]]), np.array([1]), multimask_output=False)
    points = predictor._prompts(still, [[5, 6]], [1], None, None, True)
    with torch.inference_mode():
        from masklet.model.prompt_encoder import Points

        assert points[0] is not None
        assert points[1] is not None
        decoded = model.decode(still.features.embedding, still.features, points=Points(points[0], points[1]))
    np.testing.assert_array_equal(low_res, decoded.logits[0, :1].clamp(-32, 32).numpy())


def test_autocast_as_notebooks_use_it(model: SAM2Base, picture: np.ndarray):
    predictor = SAM2ImagePredictor(model)
    with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16):
        predictor.set_image(picture)
        masks, ious, low_res = predictor.predict(np.array([[5, 6]]), np.array([1]), return_logits=True)
    assert masks.dtype == ious.dtype == low_res.dtype == np.float32
    assert np.isfinite(masks).all()


# -- the mask generator ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["binary_mask", "uncompressed_rle", "coco_rle"])
def test_records_of_the_generator(model: SAM2Base, picture: np.ndarray, mode: str):
    generator = SAM2AutomaticMaskGenerator(
        model, points_per_side=3, pred_iou_thresh=0, stability_score_thresh=0, output_mode=mode
    )
    records = generator.generate(picture)
    assert records
    for record in records:
        assert set(record) == {
            "segmentation",
            "area",
            "bbox",
            "predicted_iou",
            "point_coords",
            "stability_score",
            "crop_box",
        }
        segmentation = record["segmentation"]
        if mode == "binary_mask":
            assert segmentation.dtype == np.bool_
            mask = segmentation
        else:
            assert segmentation["size"] == [HEIGHT, WIDTH]
            assert isinstance(segmentation["counts"], str if mode == "coco_rle" else list)
            mask = Rle.from_coco(segmentation).decode()
        assert mask.shape == (HEIGHT, WIDTH)
        assert record["area"] == mask.sum()
        rows, columns = np.nonzero(mask)
        x, y, width, height = record["bbox"]
        assert (x, y, x + width, y + height) == (columns.min(), rows.min(), columns.max(), rows.max())
        assert record["crop_box"] == [0, 0, WIDTH, HEIGHT]
        assert np.shape(record["point_coords"]) == (1, 2)
        assert 0 <= record["predicted_iou"] <= 1
        assert 0 <= record["stability_score"] <= 1


def test_wrong_options_of_the_generator(model: SAM2Base):
    with pytest.raises(ValueError, match="output_mode"):
        SAM2AutomaticMaskGenerator(model, output_mode="png")
    with pytest.raises(ValueError, match="exactly one"):
        SAM2AutomaticMaskGenerator(model, points_per_side=None)
