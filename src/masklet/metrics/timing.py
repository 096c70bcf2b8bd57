"""Where a model's time goes, and how much memory it takes: of any network, wherever it runs."""

from __future__ import annotations

import resource
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

IMAGE_ENCODER, MEMORY_ATTENTION, DECODER, MEMORY_ENCODER = (
    "image encoder",
    "memory attention",
    "decoder",
    "memory encoder",
)
COMPONENTS = (IMAGE_ENCODER, MEMORY_ATTENTION, DECODER, MEMORY_ENCODER)


def components(model: Any) -> dict[str, list[nn.Module]]:
    """The modules of a model from `masklet.load_model`, by component."""
    return {
        IMAGE_ENCODER: [model.encoder],
        MEMORY_ATTENTION: [model.memory_attention],
        DECODER: [part for part in (model.mask_decoder, model.refinement) if part is not None],
        MEMORY_ENCODER: [model.memory_encoder],
    }


class Clock:
    """Adds up the seconds that modules take, by component, until it is removed.

    Before each reading an accelerator has to finish what it was given, so the parts are true but the whole is slower
    than without a clock.

    Example
    -------
    >>> layer = nn.Linear(2, 2)
    >>> clock = Clock({"layer": [layer]})
    >>> _ = layer(torch.zeros(1, 2))
    >>> clock.seconds["layer"] > 0
    True
    """

    def __init__(self, parts: Mapping[str, Sequence[nn.Module]]) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._hooks = [
            handle
            for name, modules in parts.items()
            for module in modules
            for handle in (
                module.register_forward_pre_hook(lambda *_, name=name: self._add(name, -1)),
                module.register_forward_hook(lambda *_, name=name: self._add(name, 1)),
            )
        ]

    def remove(self) -> None:
        """Listen no longer; `seconds` stays."""
        for hook in self._hooks:
            hook.remove()

    def _add(self, name: str, sign: int) -> None:
        synchronize()
        self.seconds[name] += sign * time.perf_counter()


def synchronize() -> None:
    """Wait until the accelerator, if there is one, has done all it was given."""
    if torch.accelerator.is_available():
        torch.accelerator.synchronize()


def peak_memory(device: torch.device | str = "cpu") -> float:
    """Most memory in MB (2**20 bytes) so far: of CUDA what its tensors took, else what was resident of this process."""
    if torch.device(device).type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    status = Path("/proc/self/status")
    if status.exists():  # ru_maxrss starts with what the parent process had when it forked
        return int(status.read_text().partition("VmHWM:")[2].split()[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # macOS counts bytes
