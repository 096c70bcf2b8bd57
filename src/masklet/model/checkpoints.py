"""Reads and writes weights: official pickles, safetensors of three namings, our own safetensors.

Pickles are only read with `weights_only=True`, so a file cannot run code.
"""

from __future__ import annotations

import json
import os
import pickle
import zipfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import safetensors
import torch
from safetensors import SafetensorError
from safetensors.torch import save_file  # pyright: ignore[reportUnknownVariableType]  (a bare dict in its signature)
from torch import Tensor

from masklet.model.adapters import translate
from masklet.model.configs import (
    OFFICIAL,
    ConvConfig,
    ConvStage,
    HieraConfig,
    ModelConfig,
    NeckConfig,
    ReadoutConfig,
    RefinementConfig,
)
from masklet.model.errors import CheckpointError
from masklet.model.fast import rung
from masklet.model.sam2 import Sam2

CONFIG_KEY = "masklet.config"
_LISTED = 20


def load(path: str | Path, *, config: ModelConfig | None = None, image_size: int | None = None, fast: int = 0) -> Sam2:
    """A model with the weights of a file, float32 on the CPU, in evaluation mode.

    The configuration is recognised from the tensors (or read from our own files' metadata); `config` overrides it and
    `image_size` (a multiple of 32) its image size; `fast` is a rung of `masklet.model.fast`. Raises FileNotFoundError
    or CheckpointError.
    """
    path = Path(path)
    adapted = rung(fast)
    tensors, metadata = read(path)
    try:
        weights = translate(tensors)
        found = config or _recorded(metadata) or recognise(weights)
        if image_size is not None:
            found = found.at(image_size)
        found = adapted.of(found)
        with torch.device("meta"):
            model = Sam2(found)
        _fit(model, weights)
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}") from None
    return model.eval()


def save(model: Sam2, path: str | Path, *, dtype: torch.dtype | None = None, notes: Mapping[str, str] = {}) -> None:
    """Writes safetensors with the configuration and `notes` in its metadata; atomically. Raises OSError."""
    path = Path(path)
    tensors = {name: t.detach().to("cpu", dtype or t.dtype).contiguous() for name, t in model.state_dict().items()}
    metadata = {CONFIG_KEY: json.dumps(asdict(model.config)), **notes}
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.tmp{path.suffix}")
    try:
        save_file(tensors, temporary, metadata=metadata)
        temporary.replace(path)
    except SafetensorError as error:
        raise OSError(f"cannot write {path}: {error}") from None
    finally:
        temporary.unlink(missing_ok=True)


def read(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """All tensors of a file under the names it gives them, and its metadata (empty for pickles)."""
    if not path.is_file():
        raise FileNotFoundError(f"no checkpoint at {path}")
    return _read_safetensors(path) if path.suffix == ".safetensors" else (_read_pickle(path), {})


def _read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    try:
        file: Any = safetensors.safe_open(path, framework="pt")
        with file:
            names: list[str] = list(file.keys())
            return {name: file.get_tensor(name) for name in names}, file.metadata() or {}
    except SafetensorError as error:
        raise CheckpointError(f"{path}: not a complete safetensors file ({error})") from None


def _read_pickle(path: Path) -> dict[str, Tensor]:
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            f"{path}: not a plain file of tensors (it may hold code, which is never run): {_reason(error)}"
        ) from None
    except (RuntimeError, EOFError, zipfile.BadZipFile, KeyError, ValueError) as error:
        raise CheckpointError(f"{path}: not a complete checkpoint: {_reason(error)}") from None
    nested: Any = cast("dict[str, Any]", content).get("model", content) if isinstance(content, dict) else None
    tensors = cast("dict[str, Any]", nested) if isinstance(nested, dict) else {}
    if not tensors or not all(isinstance(tensor, Tensor) for tensor in tensors.values()):
        raise CheckpointError(
            f'{path}: expected a dictionary of tensors under "model", got {type(cast("object", content)).__name__}'
        )
    return tensors


def _reason(error: Exception) -> str:
    """The first line of an error's text, or its type where it has none (EOFError of an empty file)."""
    return (str(error) or type(error).__name__).splitlines()[0]


def recognise(weights: Mapping[str, Tensor]) -> ModelConfig:
    """The published configuration whose trunk and version the tensors (under our names) show."""
    patch = weights.get("encoder.trunk.patch_embed.weight")
    if patch is None:
        raise CheckpointError("not a SAM 2 checkpoint: it has no image encoder that is known here")
    blocks = {name.split(".")[3] for name in weights if name.startswith("encoder.trunk.blocks.")}
    depth = len(blocks)
    newer = "pointer_time.weight" in weights
    for config in OFFICIAL.values():
        encoder = config.encoder
        assert isinstance(encoder, HieraConfig)
        if (encoder.embed_dim, sum(encoder.depths), config.pointer_time) == (patch.shape[0], depth, newer):
            return config
    raise CheckpointError(
        f"no published model has a trunk of width {patch.shape[0]} and {depth} blocks; "
        f"pass config= to load a model of your own"
    )


def _recorded(metadata: Mapping[str, str]) -> ModelConfig | None:
    if CONFIG_KEY not in metadata:
        return None
    try:
        return config_from_dict(json.loads(metadata[CONFIG_KEY]))
    except (TypeError, KeyError, json.JSONDecodeError) as error:
        raise CheckpointError(f"its configuration cannot be read: {error}") from None


def config_from_dict(fields: dict[str, Any]) -> ModelConfig:
    """The inverse of `dataclasses.asdict` for a ModelConfig, through JSON's lists."""
    fields = _tuples(fields)
    encoder = fields.pop("encoder")
    if "stem" in encoder:
        stages = tuple(ConvStage(**stage) for stage in encoder.pop("stages"))
        trunk: HieraConfig | ConvConfig = ConvConfig(stages=stages, **encoder)
    else:
        trunk = HieraConfig(**encoder)
    for name, part in (("readout", ReadoutConfig), ("refinement", RefinementConfig)):
        if fields.get(name) is not None:
            fields[name] = part(**fields[name])
    return ModelConfig(encoder=trunk, neck=NeckConfig(**fields.pop("neck")), **fields)


def _tuples(fields: dict[str, Any]) -> dict[str, Any]:
    def convert(value: Any) -> Any:
        if isinstance(value, dict):
            return _tuples(cast("dict[str, Any]", value))
        return tuple(convert(part) for part in cast("list[Any]", value)) if isinstance(value, list) else value

    return {name: convert(value) for name, value in fields.items()}


def _fit(model: Sam2, weights: Mapping[str, Tensor]) -> None:
    """Puts the weights in; one error lists all that is missing, left over or of another shape."""
    expected = model.state_dict()
    missing = sorted(expected.keys() - weights.keys())
    unexpected = sorted(weights.keys() - expected.keys())
    fitted: dict[str, Tensor] = {}
    misshaped: list[str] = []
    for name in expected.keys() & weights.keys():
        have, want = weights[name], expected[name].shape
        # Formats differ in dimensions of size one.
        if [n for n in have.shape if n != 1] == [n for n in want if n != 1]:
            fitted[name] = have.reshape(want).float()
        else:
            misshaped.append(f"{name} (expected {tuple(want)}, got {tuple(have.shape)})")
    problems = [
        f"{len(names)} {kind}: {', '.join(names[:_LISTED])}{' ...' if len(names) > _LISTED else ''}"
        for kind, names in (("missing", missing), ("unexpected", unexpected), ("misshaped", sorted(misshaped)))
        if names
    ]
    if problems:
        raise CheckpointError(f"does not fit {model.config.name}: " + "; ".join(problems))
    model.load_state_dict(fitted, assign=True)
