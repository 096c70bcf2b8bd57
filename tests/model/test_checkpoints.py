from __future__ import annotations

import json
import pickle
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from masklet.model import checkpoints
from masklet.model.checkpoints import CONFIG_KEY, config_from_dict
from masklet.model.configs import CONFIGS, NANO, OFFICIAL, HieraConfig, ModelConfig
from masklet.model.errors import CheckpointError
from masklet.model.registry import load_model
from masklet.model.sam2 import Sam2, build

# Parameters of the released models, as their documentation states them.
PARAMETERS = {
    "sam2-hiera-tiny": 38_945_986,
    "sam2-hiera-large": 224_430_130,
    "sam2.1-hiera-tiny": 38_962_498,
    "sam2.1-hiera-small": 46_060_354,
    "sam2.1-hiera-base-plus": 80_850_178,
    "sam2.1-hiera-large": 224_446_642,
}
SMALL = ModelConfig(
    name="small",
    encoder=HieraConfig(embed_dim=16, heads=1, depths=(1, 1, 2, 1), global_blocks=(3,)),
    image_size=64,
    d_model=64,
)


def hollow(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Tensor]:
    """Tensors of any size whose one value takes no room in a file."""
    return {name: torch.full((1,), 0.5).expand(shape) for name, shape in shapes.items()}


@pytest.fixture
def official(tmp_path: Path, shared: Path) -> tuple[Path, dict[str, Tensor]]:
    """A hollow official checkpoint of SAM 2.1 tiny and what is in it."""
    shapes = json.loads((shared / "parity" / "sam2.1_hiera_tiny.manifest.json").read_text())
    return tmp_path / "official.pt", hollow(shapes)


def test_every_official_tensor_has_its_place(
    published: tuple[str, str], manifest: dict[str, tuple[int, ...]], tmp_path: Path
):
    stem, name = published
    path = tmp_path / f"{stem}.pt"
    torch.save({"model": hollow(manifest)}, path)
    model = checkpoints.load(path)
    assert model.config == OFFICIAL[name]
    assert not model.training
    assert all(tensor.dtype == torch.float32 and (tensor == 0.5).all() for tensor in model.state_dict().values())
    if name in PARAMETERS:
        # `no_mem_pos_enc`, 256 values that no released model uses, is dropped.
        assert sum(parameter.numel() for parameter in model.parameters()) == PARAMETERS[name] - 256


def test_tensors_without_a_model_around_them_load_too(official: tuple[Path, dict[str, Tensor]]):
    path, tensors = official
    torch.save(tensors, path)
    assert checkpoints.load(path).config.name == "sam2.1-hiera-tiny"


def test_official_tensors_as_safetensors(official: tuple[Path, dict[str, Tensor]], tmp_path: Path):
    save_file({name: t.contiguous().half() for name, t in official[1].items()}, tmp_path / "official.safetensors")
    model = checkpoints.load(tmp_path / "official.safetensors", image_size=512)
    assert model.config == OFFICIAL["sam2.1-hiera-tiny"].at(512)
    assert model.dtype == torch.float32


def test_one_error_lists_all_that_does_not_fit(official: tuple[Path, dict[str, Tensor]]):
    path, tensors = official
    del tensors["obj_ptr_tpos_proj.bias"]
    del tensors["memory_encoder.out_proj.weight"]
    tensors["sam_prompt_encoder.mask_downscaling.9.weight"] = torch.zeros(3)
    tensors["sam_mask_decoder.conv_s0.bias"] = torch.zeros(7)
    torch.save({"model": tensors}, path)
    with pytest.raises(CheckpointError) as caught:
        checkpoints.load(path)
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    assert "2 missing: memory_encoder.out_proj.weight, pointer_time.bias" in message
    assert "1 unexpected: prompt_encoder.mask_downscaling.9.weight" in message
    assert "1 misshaped: encoder.skip4.bias (expected (32,), got (7,))" in message


def test_a_name_that_the_format_does_not_know(official: tuple[Path, dict[str, Tensor]]):
    path, tensors = official
    tensors["text_encoder.weight"] = torch.zeros(3)
    torch.save({"model": tensors}, path)
    with pytest.raises(CheckpointError, match=r"1 unexpected tensors: text_encoder\.weight"):
        checkpoints.load(path)


def test_weights_of_another_version_or_size(official: tuple[Path, dict[str, Tensor]]):
    path, tensors = official
    torch.save({"model": tensors}, path)
    with pytest.raises(CheckpointError, match=r"does not fit sam2-hiera-tiny: .*unexpected: no_object_memory"):
        checkpoints.load(path, config=OFFICIAL["sam2-hiera-tiny"])
    with pytest.raises(CheckpointError, match=r"does not fit sam2\.1-hiera-small: .*missing: encoder\.trunk\.blocks"):
        checkpoints.load(path, config=OFFICIAL["sam2.1-hiera-small"])


def test_a_trunk_that_nobody_published(official: tuple[Path, dict[str, Tensor]]):
    path, tensors = official
    for name in [name for name in tensors if ".trunk.blocks.11." in name]:
        del tensors[name]
    torch.save({"model": tensors}, path)
    with pytest.raises(CheckpointError, match="width 96 and 11 blocks; pass config="):
        checkpoints.load(path)


@pytest.mark.parametrize(
    "tensors",
    [
        {"image_encoder.patch_embed.proj.weight": torch.zeros(768, 3, 16, 16)},
        {"layer1.0.conv1.weight": torch.zeros(64, 64, 1, 1)},
    ],
)
def test_a_checkpoint_of_another_model(tmp_path: Path, tensors: dict[str, Tensor]):
    path = tmp_path / "other.pt"
    torch.save({"model": tensors}, path)
    with pytest.raises(CheckpointError, match="not a SAM 2 checkpoint"):
        checkpoints.load(path)


@pytest.mark.parametrize("content", [{}, {"model": {}}, [torch.zeros(1)], {"model": {"a": 1}}, torch.zeros(2)])
def test_a_file_without_tensors(tmp_path: Path, content: object):
    path = tmp_path / "odd.pt"
    torch.save(content, path)
    with pytest.raises(CheckpointError, match="expected a dictionary of tensors"):
        checkpoints.load(path)


class Evil:
    def __reduce__(self):
        return (Path.touch, (Path("evil-ran"),))


@pytest.mark.parametrize("way", ["torch", "pickle"])
def test_code_in_a_pickle_never_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "evil.pt"
    if way == "torch":
        torch.save({"model": {"a": Evil()}}, path)
    else:
        path.write_bytes(pickle.dumps({"model": Evil()}, protocol=2))
    with pytest.raises(CheckpointError, match="not a plain file of tensors"):
        load_model(path)
    assert not (tmp_path / "evil-ran").exists()


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
@pytest.mark.parametrize("kept", [0.0, 0.3, 0.99])
def test_a_truncated_file(tmp_path: Path, suffix: str, kept: float):
    path = tmp_path / f"cut{suffix}"
    model = build(SMALL)
    if suffix == ".pt":
        torch.save({"model": model.state_dict()}, path)
    else:
        checkpoints.save(model, path)
    path.write_bytes(path.read_bytes()[: int(kept * path.stat().st_size)])
    with pytest.raises(CheckpointError, match=f"cut{suffix}: not a complete") as caught:
        checkpoints.load(path)
    assert "\n" not in str(caught.value)


def test_no_file(tmp_path: Path):
    for path in (tmp_path / "nothing.pt", tmp_path):
        with pytest.raises(FileNotFoundError, match="no checkpoint at"):
            checkpoints.load(path)


@pytest.mark.parametrize("config", [SMALL, NANO.at(64)])
def test_our_own_files_carry_their_configuration(tmp_path: Path, config: ModelConfig):
    model, path = build(config), tmp_path / "own.safetensors"
    checkpoints.save(model, path, notes={"trained on": "nothing"})
    again = checkpoints.load(path)
    assert again.config == config
    assert again.state_dict().keys() == model.state_dict().keys()
    assert all(torch.equal(again.state_dict()[name], tensor) for name, tensor in model.state_dict().items())
    assert checkpoints.read(path)[1]["trained on"] == "nothing"
    assert [p.name for p in tmp_path.iterdir()] == ["own.safetensors"]


def test_half_the_size(tmp_path: Path):
    model, path = build(SMALL), tmp_path / "half.safetensors"
    checkpoints.save(model, path, dtype=torch.float16)
    again = checkpoints.load(path)
    assert again.dtype == torch.float32
    torch.testing.assert_close(again.no_memory, model.no_memory, atol=1e-3, rtol=1e-3)


def test_a_failed_save_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "own.safetensors"
    checkpoints.save(build(SMALL), path)
    before = path.read_bytes()

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoints, "save_file", full)
    with pytest.raises(OSError, match="No space left"):
        checkpoints.save(build(SMALL), path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["own.safetensors"]


@pytest.mark.parametrize("config", CONFIGS.values(), ids=lambda config: config.name)
def test_configurations_survive_json(config: ModelConfig):
    assert config_from_dict(json.loads(json.dumps(asdict(config)))) == config


@pytest.mark.parametrize("text", ["{", '{"name": "x"}', '{"encoder": {"stem": 3}, "neck": {}}'])
def test_a_damaged_configuration(tmp_path: Path, text: str):
    path = tmp_path / "own.safetensors"
    save_file({"no_memory": torch.zeros(1, 64)}, path, metadata={CONFIG_KEY: text})
    with pytest.raises(CheckpointError, match="configuration cannot be read"):
        checkpoints.load(path)


def test_two_tensors_for_one_place(tmp_path: Path):
    path = tmp_path / "twice.safetensors"
    tensors = {
        "vision_encoder.backbone.patch_embed.projection.weight": torch.zeros(1),
        "shared_image_embedding.positional_embedding": torch.zeros(2, 128),
        "prompt_encoder.shared_embedding.positional_embedding": torch.ones(2, 128),
    }
    save_file(tensors, path)
    with pytest.raises(CheckpointError, match=r"claim the place of prompt_encoder\.frequencies"):
        checkpoints.load(path)


def test_a_model_is_built_in_training_mode_and_loaded_for_inference(tmp_path: Path):
    model = build(SMALL)
    assert isinstance(model, Sam2)
    assert model.training
    checkpoints.save(model, tmp_path / "m.safetensors")
    loaded = load_model(tmp_path / "m.safetensors", device="cpu", dtype=torch.bfloat16, image_size=96)
    assert not loaded.training
    assert loaded.dtype == torch.bfloat16
    assert loaded.config.image_size == 96
