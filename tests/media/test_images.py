"""Stills: every pixel format that users have, and clear errors."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from masklet.media import MediaError, image_size, read_image, read_mask, write_image
from masklet.media.images import read_header

RGB = np.random.default_rng(0).integers(0, 256, (6, 9, 3), np.uint8)
GREY = RGB[:, :, 0]


def saved(image: Image.Image, path, **options):
    image.save(path, **options)
    return path


def test_rgb_png(tmp_path):
    got = read_image(saved(Image.fromarray(RGB), tmp_path / "a.png"))
    np.testing.assert_array_equal(got, RGB)
    assert got.flags.writeable
    assert got.dtype == np.uint8


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(tmp_path, orientation):
    upright = {
        1: RGB,
        2: RGB[:, ::-1],
        3: RGB[::-1, ::-1],
        4: RGB[::-1],
        5: RGB.transpose(1, 0, 2),
        6: np.rot90(RGB, -1),
        7: np.rot90(RGB, 2).transpose(1, 0, 2),
        8: np.rot90(RGB),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = saved(Image.fromarray(RGB), tmp_path / "a.png", exif=exif)
    np.testing.assert_array_equal(read_image(path), upright)
    assert image_size(path) == upright.shape[:2]
    assert read_header(path).rotation == {3: 180, 4: 180, 5: 270, 6: 90, 7: 90, 8: 270}.get(orientation, 0)


def test_grey_and_one_bit(tmp_path):
    got = read_image(saved(Image.fromarray(GREY), tmp_path / "a.png"))
    np.testing.assert_array_equal(got, np.repeat(GREY[:, :, None], 3, 2))
    bits = GREY > 127
    got = read_image(saved(Image.fromarray(bits), tmp_path / "b.png"))
    np.testing.assert_array_equal(got[:, :, 0], bits * np.uint8(255))


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_sixteen_bits_are_scaled_to_eight(tmp_path, suffix):
    deep = np.array([[0, 128, 257, 32768, 65407, 65535]], np.uint16)
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(deep).save(path)
    np.testing.assert_array_equal(read_image(path)[0, :, 1], np.round(deep[0] / 257).astype(np.uint8))
    assert read_header(path).bit_depth == 16


def test_alpha_is_dropped(tmp_path):
    rgba = np.dstack([RGB, GREY])
    np.testing.assert_array_equal(read_image(saved(Image.fromarray(rgba), tmp_path / "a.png")), RGB)
    grey = read_image(saved(Image.fromarray(np.dstack([GREY, GREY])), tmp_path / "b.png"))
    np.testing.assert_array_equal(grey[:, :, 2], GREY)


def test_palette_with_transparency(tmp_path):
    image = Image.fromarray(RGB).quantize(8)
    path = saved(image, tmp_path / "a.png", transparency=0)
    np.testing.assert_array_equal(read_image(path), np.array(image.convert("RGB")))


def test_cmyk_and_progressive_jpeg(tmp_path):
    smooth = np.full((16, 16, 3), (200, 100, 50), np.uint8)
    for name, mode in (("a.jpg", "CMYK"), ("b.jpg", "RGB"), ("c.webp", "RGB"), ("d.tif", "CMYK")):
        path = saved(Image.fromarray(smooth).convert(mode), tmp_path / name)
        assert np.abs(read_image(path).astype(int) - smooth).max() < 12


def test_floating_point_pixels_are_refused(tmp_path):
    path = saved(Image.fromarray(GREY.astype(np.float32)), tmp_path / "a.tif")
    with pytest.raises(MediaError, match=r"a\.tif: expected integer pixels"):
        read_image(path)
    with pytest.raises(MediaError, match=r"a\.tif: expected integer labels"):
        read_mask(path)


@pytest.mark.parametrize("read", [read_image, read_mask, image_size])
def test_what_is_no_picture(tmp_path, read):
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.png").write_text("not a picture")
    (tmp_path / "folder").mkdir()
    for name, reason in {
        "missing.png": "no such file",
        "empty.png": "the file is empty",
        "text.png": "not a picture",
        "folder": "got a folder",
    }.items():
        with pytest.raises(MediaError, match=f"{name}: .*{reason}"):
            read(tmp_path / name)


def test_truncated(tmp_path):
    for suffix in ("png", "jpg", "webp", "tif"):
        data = io.BytesIO()
        Image.fromarray(np.tile(RGB, (20, 20, 1))).save(data, {"jpg": "JPEG", "tif": "TIFF"}.get(suffix, suffix))
        path = tmp_path / f"a.{suffix}"
        path.write_bytes(data.getvalue()[: len(data.getvalue()) // 2])
        with pytest.raises(MediaError, match=rf"a\.{suffix}: ") as error:
            read_image(path)
        assert "\n" not in str(error.value)


def test_decompression_bomb(tmp_path, monkeypatch):
    path = saved(Image.fromarray(RGB), tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 20)
    with pytest.raises(MediaError, match=r"a\.png: .*exceeds limit"):
        read_image(path)


def test_masks(tmp_path):
    labels = np.array([[0, 1, 2], [3, 254, 255]], np.uint8)
    palette = Image.fromarray(labels)
    palette.putpalette(list(range(256)) * 3)
    np.testing.assert_array_equal(read_mask(saved(palette, tmp_path / "a.png")), labels)
    np.testing.assert_array_equal(read_mask(saved(Image.fromarray(labels), tmp_path / "b.png")), labels)
    np.testing.assert_array_equal(read_mask(saved(Image.fromarray(labels > 1), tmp_path / "c.png")), labels > 1)
    deep = labels.astype(np.uint16) * 200
    np.testing.assert_array_equal(read_mask(saved(Image.fromarray(deep), tmp_path / "d.png")), deep)
    grey_rgb = Image.fromarray(np.repeat(labels[:, :, None], 3, 2))
    np.testing.assert_array_equal(read_mask(saved(grey_rgb, tmp_path / "e.png")), labels)
    with pytest.raises(MediaError, match="got a colour picture"):
        read_mask(saved(Image.fromarray(RGB), tmp_path / "f.png"))


@settings(max_examples=25, deadline=None)
@given(
    array=st.one_of(
        arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9))),
        arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9), st.sampled_from([3, 4]))),
        arrays(np.uint16, st.tuples(st.integers(1, 9), st.integers(1, 9))),
        arrays(np.bool_, st.tuples(st.integers(1, 9), st.integers(1, 9))),
    )
)
def test_png_round_trip(tmp_path_factory, array):
    path = tmp_path_factory.mktemp("png") / "a.png"
    write_image(path, array)
    with Image.open(path) as image:
        np.testing.assert_array_equal(np.asarray(image), array)


def test_write_errors(tmp_path):
    for bad in (RGB.astype(np.float32), RGB[:, :, :2], np.zeros((0, 4), np.uint8), np.zeros((2, 2, 3, 1), np.uint8)):
        with pytest.raises(MediaError, match=r"a\.png: expected H x W"):
            write_image(tmp_path / "a.png", bad)
    with pytest.raises(MediaError, match="suffix"):
        write_image(tmp_path / "a.xyz", RGB)
    with pytest.raises(MediaError, match=r"cannot write .*a\.jpg"):
        write_image(tmp_path / "a.jpg", np.dstack([RGB, GREY]))
    with pytest.raises(MediaError, match="does not exist"):
        write_image(tmp_path / "none" / "a.png", RGB)
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_keeps_the_old_picture(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    write_image(path, RGB)

    def full(_, file, **__):
        file.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(MediaError, match=r"cannot write .*a\.png: no space left on device"):
        write_image(path, RGB[::-1])
    np.testing.assert_array_equal(read_image(path), RGB)
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]
