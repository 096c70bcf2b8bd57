from __future__ import annotations

import pytest

from masklet.model.configs import CONFIGS, NANO, OFFICIAL
from masklet.model.encoder import build_trunk
from masklet.model.registry import canonical


def test_the_table_holds_nano_and_eight_published_models():
    assert len(OFFICIAL) == 8
    assert set(CONFIGS) == {"nano", *OFFICIAL}
    assert all(config.name == name for name, config in CONFIGS.items())


def test_versions_differ_in_what_came_with_2_1():
    assert not OFFICIAL["sam2-hiera-large"].pointer_time
    assert not OFFICIAL["sam2-hiera-large"].occlusion_memory
    assert OFFICIAL["sam2.1-hiera-large"].pointer_time
    assert OFFICIAL["sam2.1-hiera-large"].occlusion_memory


@pytest.mark.parametrize(
    ("name", "channels"),
    [
        ("sam2.1-hiera-tiny", (96, 192, 384, 768)),
        ("sam2.1-hiera-base-plus", (112, 224, 448, 896)),
        ("sam2.1-hiera-large", (144, 288, 576, 1152)),
        ("nano", (24, 40, 112, 320)),
    ],
)
def test_channels_of_the_pyramid(name: str, channels: tuple[int, ...]):
    assert CONFIGS[name].encoder.channels == channels


@pytest.mark.parametrize("size", [0, -32, 100, 1000])
def test_image_sizes_are_multiples_of_32(size: int):
    with pytest.raises(ValueError, match="multiple of 32"):
        NANO.at(size)


def test_another_image_size_is_another_value():
    small = NANO.at(64)
    assert (small.image_size, small.grid) == (64, 4)
    assert NANO.image_size == 448
    assert small.at(448) == NANO


def test_windows_lag_one_block_at_each_stage():
    trunk = build_trunk(OFFICIAL["sam2.1-hiera-tiny"])
    blocks = list(trunk.blocks)  # pyright: ignore[reportArgumentType]
    assert [block.window for block in blocks] == [8, 8, 4, 4, 14, 0, 14, 0, 14, 0, 14, 7]
    assert [block.pool for block in blocks] == [index in (1, 3, 10) for index in range(12)]


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        ("nano", "nano"),
        ("facebook/sam2.1-hiera-tiny", "sam2.1-hiera-tiny"),
        ("sam2.1_hiera_base_plus.pt", "sam2.1-hiera-base-plus"),
        ("configs/sam2.1/sam2.1_hiera_b+.yaml", "sam2.1-hiera-base-plus"),
        ("sam2_hiera_l.yaml", "sam2-hiera-large"),
        ("SAM2-Hiera-Small", "sam2-hiera-small"),
        ("sam2.1-hiera-s", "sam2.1-hiera-small"),
        ("sam3", None),
        ("", None),
    ],
)
def test_spellings_of_names(spelling: str, name: str | None):
    assert canonical(spelling) == name
