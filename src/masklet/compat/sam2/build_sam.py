"""The published package's builders."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from masklet.compat.sam2.base import SAM2Base
from masklet.compat.sam2.overrides import Settings, settings
from masklet.compat.sam2.sam2_video_predictor import SAM2VideoPredictor
from masklet.model.configs import CONFIGS
from masklet.model.registry import best_device, canonical, load_model
from masklet.model.sam2 import Sam2, build


def build_sam2(
    config_file: str,
    ckpt_path: str | Path | None = None,
    device: str | torch.device | None = None,
    mode: str = "eval",
    hydra_overrides_extra: Sequence[str] = (),
    apply_postprocessing: bool = True,
    *,
    reference_exact: bool = False,
) -> SAM2Base:
    """A model for the image predictor and the mask generator.

    Parameters
    ----------
    config_file
        A published configuration by its file, such as `configs/sam2.1/sam2.1_hiera_t.yaml`, or any name of
        `masklet models`.
    ckpt_path
        Weights that fit it; None leaves them random.
    device
        By default the best one present.
    mode
        "eval"; anything else leaves the model in training mode.
    hydra_overrides_extra
        Overrides such as `++model.image_size=512`; one that is not known is an error.
    apply_postprocessing
        Falls back to the best candidate where the single mask is not stable.
    reference_exact
        Keeps the faults of the published code (in videos).

    Raises
    ------
    ValueError
        Unknown configuration or override, or weights of another model.
    FileNotFoundError
        No file at `ckpt_path`.
    """
    chosen = settings(
        reference_exact=reference_exact, apply_postprocessing=apply_postprocessing, overrides=hydra_overrides_extra
    )
    return SAM2Base(_build(config_file, ckpt_path, device, mode, chosen), chosen.policy)


def build_sam2_video_predictor(
    config_file: str,
    ckpt_path: str | Path | None = None,
    device: str | torch.device | None = None,
    mode: str = "eval",
    hydra_overrides_extra: Sequence[str] = (),
    apply_postprocessing: bool = True,
    vos_optimized: bool = False,
    *,
    reference_exact: bool = False,
) -> SAM2VideoPredictor:
    """A video predictor; arguments as of `build_sam2`.

    `apply_postprocessing` also fills small holes and binarises the masks of prompted frames in memory. `vos_optimized`
    is accepted for its callers' sake: it compiles the published model, which changes no result.
    """
    del vos_optimized
    chosen = settings(
        reference_exact=reference_exact, apply_postprocessing=apply_postprocessing, overrides=hydra_overrides_extra
    )
    return SAM2VideoPredictor(_build(config_file, ckpt_path, device, mode, chosen), chosen.policy)


def build_sam2_hf(
    model_id: str,
    device: str | torch.device | None = None,
    mode: str = "eval",
    hydra_overrides_extra: Sequence[str] = (),
    apply_postprocessing: bool = True,
    *,
    reference_exact: bool = False,
) -> SAM2Base:
    """A model with its weights by hub name (`facebook/sam2.1-hiera-tiny`) or any name of `masklet models`.

    Raises FileNotFoundError where the weights are neither on this machine nor to be downloaded.
    """
    chosen = settings(
        reference_exact=reference_exact, apply_postprocessing=apply_postprocessing, overrides=hydra_overrides_extra
    )
    return SAM2Base(_load(model_id, device, mode, chosen), chosen.policy)


def build_sam2_video_predictor_hf(
    model_id: str,
    device: str | torch.device | None = None,
    mode: str = "eval",
    hydra_overrides_extra: Sequence[str] = (),
    apply_postprocessing: bool = True,
    vos_optimized: bool = False,
    *,
    reference_exact: bool = False,
) -> SAM2VideoPredictor:
    """A video predictor with its weights by name, as `build_sam2_hf`."""
    del vos_optimized
    chosen = settings(
        reference_exact=reference_exact, apply_postprocessing=apply_postprocessing, overrides=hydra_overrides_extra
    )
    return SAM2VideoPredictor(_load(model_id, device, mode, chosen), chosen.policy)


def _build(
    config_file: str, ckpt_path: str | Path | None, device: str | torch.device | None, mode: str, chosen: Settings
) -> Sam2:
    name = canonical(str(config_file))
    if name is None:
        raise ValueError(f"no configuration is called {config_file!r}; names: {', '.join(CONFIGS)}")
    config = chosen.config(CONFIGS[name])
    if ckpt_path is None:
        target = best_device() if device is None else torch.device(device)
        return build(config).to(target).train(mode != "eval")
    if not Path(ckpt_path).is_file():
        raise FileNotFoundError(f"no checkpoint at {ckpt_path}")
    return load_model(ckpt_path, device=device, config=config).train(mode != "eval")


def _load(model_id: str, device: str | torch.device | None, mode: str, chosen: Settings) -> Sam2:
    return load_model(model_id, device=device, image_size=chosen.image_size).train(mode != "eval")
