"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Group, Parameter

if TYPE_CHECKING:
    import torch

    from masklet.model.sam2 import Sam2

MODEL_GROUP = Group("Model", sort_key=3)
OUTPUT_GROUP = Group("Output", sort_key=4)

Dtype = Literal["float32", "bfloat16", "float16"]

ModelOption = Annotated[
    str,
    Parameter(
        name=["--model", "-m"],
        group=MODEL_GROUP,
        help="A name from `masklet models`, or the path of a .pt or .safetensors checkpoint.",
    ),
]
DeviceOption = Annotated[
    str | None,
    Parameter(
        group=MODEL_GROUP, help="cpu, cuda, cuda:1, mps ...; by default the best one present.", show_default=False
    ),
]
DtypeOption = Annotated[
    Dtype | None, Parameter(group=MODEL_GROUP, help="Arithmetic; by default float32.", show_default=False)
]
FastOption = Annotated[
    int | None,
    Parameter(
        group=MODEL_GROUP,
        help="Quality for speed: 0 (the model as it was trained, the default) to 3 (the fastest); docs/speed.md has the"
        " price of each step.",
        show_default=False,
    ),
]
OutputOption = Annotated[
    Path, Parameter(name=["--output", "-o"], group=OUTPUT_GROUP, help="Folder for the results; made if missing.")
]


def load(model: str, device: str | None, dtype: Dtype | None, fast: int = 0) -> Sam2:
    """Load the model that the options name.

    Raises:
        ValueError: no such model, device or rung. OSError: its file cannot be read.
    """
    import torch

    from masklet.model.registry import load_model

    place = None if device is None else usable_device(device)
    return load_model(model, device=place, dtype=None if dtype is None else getattr(torch, dtype), fast=fast)


def usable_device(device: str) -> torch.device:
    """The device of that name. Raises ValueError where it cannot be used."""
    import torch

    try:
        place = torch.device(device)
        torch.empty(0, device=place)  # a device that exists in name only fails here
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = (str(error).splitlines() or [""])[0]
        raise ValueError(f"cannot use the device {device!r}: {reason}") from None
    return place


def make_folder(path: Path) -> Path:
    """Make a folder for results.

    Raises:
        ValueError: there is a file of that name. OSError: it cannot be made.
    """
    if path.exists() and not path.is_dir():
        raise ValueError(f"{path} is a file; expected a folder for the results")
    path.mkdir(parents=True, exist_ok=True)
    return path
