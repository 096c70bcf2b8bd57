"""Models by name: what is bundled, what is published, where the files are."""

from __future__ import annotations

import hashlib
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch

from masklet.model import checkpoints
from masklet.model.configs import CONFIGS, OFFICIAL, ModelConfig
from masklet.model.errors import CheckpointError
from masklet.model.sam2 import Sam2

BUNDLED = Path(__file__).parent / "weights"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of `masklet models`: `path` is where the weights are, or None while they are not on this machine."""

    name: str
    config: ModelConfig
    path: Path | None
    bundled: bool


def cache_folder() -> Path:
    """Where downloaded weights are kept: $MASKLET_HOME, else ~/.cache/masklet."""
    return Path(os.environ.get("MASKLET_HOME") or Path.home() / ".cache" / "masklet")


def entries() -> list[Entry]:
    """Every model that has a name, the bundled ones first."""
    return [Entry(name, config, _local(name), name not in OFFICIAL) for name, config in CONFIGS.items()]


def canonical(name: str) -> str | None:
    """The name in the table for any spelling in use (hub id, file name, short size), None for a stranger.

    >>> canonical("facebook/sam2.1-hiera-base-plus"), canonical("sam2_hiera_t.yaml")
    ('sam2.1-hiera-base-plus', 'sam2-hiera-tiny')
    """
    stem = name.lower().removeprefix("facebook/").rsplit("/", 1)[-1].replace("_", "-")
    for suffix in (".pt", ".yaml"):
        stem = stem.removesuffix(suffix)
    for short, long in (("-t", "-tiny"), ("-s", "-small"), ("-b+", "-base-plus"), ("-l", "-large")):
        if stem.endswith(short):
            stem = stem.removesuffix(short) + long
    return stem if stem in CONFIGS else None


def load_model(
    name_or_path: str | Path = "nano",
    *,
    device: str | torch.device | None = None,
    dtype: torch.dtype | None = None,
    image_size: int | None = None,
    config: ModelConfig | None = None,
    fast: int = 0,
) -> Sam2:
    """Loads a model by name or from a checkpoint file, ready for inference.

    Parameters
    ----------
    name_or_path
        `nano` (bundled), a published name such as `sam2.1-hiera-tiny` or `facebook/sam2.1-hiera-tiny` (downloaded
        once), or the path of a `.pt` or `.safetensors` file in the official, the transformers or our own naming.
    device
        Where to put it; by default the best device present.
    dtype
        `torch.float32` (default) or `torch.bfloat16`, for weights and arithmetic.
    image_size
        Side of the square that frames are resized to, a multiple of 32; by default the model's own.
    config
        Overrides the configuration that the tensors show.
    fast
        Rung of the ladder `masklet.model.fast.FAST`: 0 is the model as it was trained, 3 the fastest.

    Raises
    ------
    FileNotFoundError
        No such file, or a published model that is neither on this machine nor to be downloaded.
    CheckpointError
        The file is damaged, holds code, or belongs to another model; the message lists what does not fit.

    Example
    -------
    >>> model = load_model("nano", device="cpu")
    >>> model.config.name
    'nano'
    """
    path = Path(name_or_path)
    name = canonical(str(name_or_path))
    if not path.is_file():
        if name is None:
            if path.suffix in (".pt", ".safetensors"):
                raise FileNotFoundError(f"no checkpoint at {path}")
            raise FileNotFoundError(f"no model or file is called {name_or_path!r}; names: {', '.join(CONFIGS)}")
        path = _local(name) or _download(name)
    model = checkpoints.load(path, config=config, image_size=image_size, fast=fast)
    model = model.to(device=torch.device(device) if device is not None else best_device(), dtype=dtype or torch.float32)
    order_for_convolutions(model)
    return model


def order_for_convolutions(model: Sam2) -> None:
    """Lays the weights of convolutions out with channels last, as the features are: on a CPU up to twice as fast."""
    for module in model.modules():
        if isinstance(module, torch.nn.Conv2d | torch.nn.ConvTranspose2d):
            module.weight.data = module.weight.data.contiguous(memory_format=torch.channels_last)


def best_device() -> torch.device:
    """CUDA where present, else MPS, else the CPU."""
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def _file_name(name: str) -> str:
    version, _, size = name.partition("-hiera-")
    return f"{version}_hiera_{size.replace('-', '_')}.pt"


def _local(name: str) -> Path | None:
    if name not in OFFICIAL:
        path = BUNDLED / f"{name}.safetensors"
        return path if path.is_file() else None
    folder = cache_folder()
    return next((p for p in (folder / _file_name(name), folder / f"{name}.safetensors") if p.is_file()), None)


def _download(name: str) -> Path:
    """Fetches published weights into the cache and says what came: size and SHA-256."""
    file = _file_name(name)
    target = cache_folder() / file
    if name not in OFFICIAL:
        raise FileNotFoundError(f"this installation lacks the bundled weights of {name} (expected in {BUNDLED})")
    by_hand = f"put {file} at {target}, or pass the path of a checkpoint"
    try:
        import huggingface_hub
    except ImportError:
        raise FileNotFoundError(
            f"{name} is not on this machine; pip install 'masklet[hub]' downloads it, or {by_hand}"
        ) from None
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        hub = cast("Any", huggingface_hub)
        fetched = Path(hub.hf_hub_download(repo_id=f"facebook/{name}", filename=file, local_dir=target.parent))
    except (OSError, ValueError) as error:  # huggingface_hub's errors derive from these
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise FileNotFoundError(f"{name} could not be downloaded ({reason}); {by_hand}") from None
    digest = hashlib.file_digest(fetched.open("rb"), "sha256").hexdigest()
    print(f"{name}: {fetched} ({fetched.stat().st_size / 1e6:.0f} MB, sha256 {digest})", file=sys.stderr)
    return fetched


__all__ = ["CheckpointError", "Entry", "best_device", "cache_folder", "canonical", "entries", "load_model"]
