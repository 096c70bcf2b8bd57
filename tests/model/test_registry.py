from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from masklet.model import registry
from masklet.model.checkpoints import save
from masklet.model.configs import CONFIGS, OFFICIAL
from masklet.model.registry import best_device, cache_folder, entries, load_model
from masklet.model.sam2 import build


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MASKLET_HOME", str(tmp_path))
    return tmp_path


def test_the_cache_is_where_the_environment_says(home: Path, monkeypatch: pytest.MonkeyPatch):
    assert cache_folder() == home
    monkeypatch.delenv("MASKLET_HOME")
    assert cache_folder() == Path.home() / ".cache" / "masklet"


def test_every_model_has_an_entry(home: Path):
    assert [entry.name for entry in entries()] == list(CONFIGS)
    assert [entry.name for entry in entries() if entry.bundled] == ["nano"]
    assert all(entry.path is None for entry in entries() if not entry.bundled)
    (home / "sam2.1_hiera_base_plus.pt").touch()
    (home / "sam2-hiera-tiny.safetensors").touch()
    found = {entry.name: entry.path for entry in entries() if not entry.bundled and entry.path is not None}
    assert found == {
        "sam2.1-hiera-base-plus": home / "sam2.1_hiera_base_plus.pt",
        "sam2-hiera-tiny": home / "sam2-hiera-tiny.safetensors",
    }


@pytest.mark.parametrize("reason", ["absent", "offline"])
def test_without_a_network_the_error_says_where_to_put_the_file(
    home: Path, monkeypatch: pytest.MonkeyPatch, reason: str
):
    def unreachable(**_: object) -> str:
        raise OSError("cannot reach the hub\nand more lines")

    hub = None if reason == "absent" else SimpleNamespace(hf_hub_download=unreachable)
    monkeypatch.setitem(sys.modules, "huggingface_hub", hub)
    with pytest.raises(FileNotFoundError) as caught:
        load_model("facebook/sam2.1-hiera-base-plus")
    message = str(caught.value)
    assert "\n" not in message
    assert f"put sam2.1_hiera_base_plus.pt at {home / 'sam2.1_hiera_base_plus.pt'}" in message
    assert ("masklet[hub]" if reason == "absent" else "cannot reach the hub") in message


def test_a_download_says_what_came(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    asked: dict[str, object] = {}

    def download(*, repo_id: str, filename: str, local_dir: Path) -> str:
        asked.update(repo_id=repo_id, filename=filename)
        target = local_dir / filename
        model = build(OFFICIAL["sam2.1-hiera-tiny"])
        torch.save({"model": {}}, target)
        save(model, target.with_suffix(".safetensors"))
        target.with_suffix(".safetensors").rename(target)
        return str(target)

    monkeypatch.setitem(sys.modules, "huggingface_hub", SimpleNamespace(hf_hub_download=download))
    # What came is no pickle: the point is what is asked for, where it lands and what is said of it.
    with pytest.raises(ValueError, match=r"sam2\.1_hiera_tiny\.pt"):
        load_model("sam2.1-hiera-tiny")
    assert asked == {"repo_id": "facebook/sam2.1-hiera-tiny", "filename": "sam2.1_hiera_tiny.pt"}
    path = home / "sam2.1_hiera_tiny.pt"
    said = capsys.readouterr().err
    assert str(path) in said
    assert f"{path.stat().st_size / 1e6:.0f} MB" in said
    assert hashlib.sha256(path.read_bytes()).hexdigest() in said


def test_a_cached_file_is_used_without_asking(home: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    model = build(OFFICIAL["sam2.1-hiera-tiny"])
    save(model, home / "sam2.1-hiera-tiny.safetensors")
    for name in ("sam2.1-hiera-tiny", "facebook/sam2.1-hiera-tiny", "sam2.1_hiera_t.yaml"):
        assert torch.equal(load_model(name, device="cpu").no_memory, model.no_memory)


@pytest.mark.parametrize("name", ["sam3", "facebook/sam3-large"])
def test_an_unknown_name_lists_the_known_ones(name: str):
    with pytest.raises(FileNotFoundError, match=r"no model or file is called .*nano.*sam2\.1-hiera-large"):
        load_model(name)


def test_a_path_that_is_not_there(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match=r"no checkpoint at .*mine\.pt"):
        load_model(tmp_path / "mine.pt")


def test_an_installation_without_its_weights(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(registry, "BUNDLED", tmp_path)
    with pytest.raises(FileNotFoundError, match="lacks the bundled weights of nano"):
        load_model("nano")


@pytest.mark.parametrize("name", ["nano", "sam2.1-hiera-tiny"])
def test_loaded_weights_of_convolutions_have_their_channels_last(tmp_path: Path, name: str):
    path = tmp_path / "model.safetensors"
    save(build(CONFIGS[name].at(64)), path)
    weight = load_model(path, device="cpu").mask_decoder.upscale8.weight
    assert weight.is_contiguous(memory_format=torch.channels_last)


def test_the_default_device_is_the_best_present():
    assert best_device().type == ("cuda" if torch.cuda.is_available() else best_device().type)
    assert best_device().type in ("cpu", "cuda", "mps")
