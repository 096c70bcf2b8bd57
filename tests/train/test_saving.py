"""A full disk, as far as a limit on the size of files can show it."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from masklet.model import checkpoints
from masklet.model.configs import ModelConfig
from masklet.model.sam2 import build
from masklet.train.loop import save_atomically


@pytest.fixture
def small_disk() -> Iterator[None]:
    """No file may grow beyond 50 kB."""
    resource = pytest.importorskip("resource")
    before, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.usefixtures("small_disk")
def test_a_checkpoint_that_does_not_fit_is_an_os_error_and_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "last.pt"
    save_atomically({"step": 1}, path)
    with pytest.raises(OSError, match="too large") as caught:
        save_atomically({"step": 2, "weights": torch.zeros(100_000)}, path)
    assert caught.value.filename == str(path)
    assert torch.load(path, weights_only=True) == {"step": 1}
    assert [file.name for file in tmp_path.iterdir()] == ["last.pt"]


@pytest.mark.usefixtures("small_disk")
def test_weights_that_do_not_fit_are_an_os_error(tiny: ModelConfig, tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"cannot write .*weights\.safetensors"):
        checkpoints.save(build(tiny), tmp_path / "weights.safetensors")
    assert not list(tmp_path.iterdir())
