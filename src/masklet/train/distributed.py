"""Several processes that train one model: who they are, how they add up, how the model is spread over them.

Started by torchrun, which sets RANK, WORLD_SIZE and LOCAL_RANK; without it a run is one process.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
import torch.distributed as dist
from torch import nn
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_model_state_dict,
    get_optimizer_state_dict,
    set_optimizer_state_dict,
)
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.nn.parallel import DistributedDataParallel

Sharding = Literal["ddp", "fsdp"]
_FULL = StateDictOptions(full_state_dict=True, cpu_offload=True)


@dataclass(frozen=True, slots=True)
class World:
    """The processes of a run: this one's `rank` among `size`, and the device it works on.

    `sharding`: "ddp" keeps the whole model in every process, "fsdp" (FSDP2) a part of it.
    """

    rank: int = 0
    size: int = 1
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    sharding: Sharding = "ddp"

    @property
    def leads(self) -> bool:
        """Whether this process writes files and talks to the user."""
        return self.rank == 0

    def add(self, figures: Mapping[str, tuple[float, int]]) -> dict[str, tuple[float, int]]:
        """Sums and counts by name, added up over all processes (names may be missing in some)."""
        if self.size == 1:
            return dict(figures)
        gathered: list[Mapping[str, tuple[float, int]] | None] = [None] * self.size
        dist.all_gather_object(gathered, dict(figures))
        total: dict[str, tuple[float, int]] = {}
        for part in gathered:
            assert part is not None
            for name, (value, count) in part.items():
                sum_, n = total.get(name, (0.0, 0))
                total[name] = sum_ + value, n + count
        return total

    def any(self, *, here: bool) -> bool:
        """Whether it holds in any process."""
        return bool(self.add({"any": (float(here), 1)})["any"][0]) if self.size > 1 else here

    def spread(self, module: nn.Module, blocks: list[nn.Module]) -> nn.Module:
        """The module as all processes train it; `blocks` are gathered one by one under "fsdp"."""
        if self.size == 1:
            return module
        if self.sharding == "fsdp":
            for block in blocks:
                fully_shard(block)
            fully_shard(module)
            return module
        # Stills leave memory out, and schedules leave out what they do not use.
        return DistributedDataParallel(module, find_unused_parameters=True)

    def unsynchronised(self, module: nn.Module, *, last: bool) -> AbstractContextManager[None]:
        """For a backward pass whose gradients only add up locally, because another follows (not the `last`)."""
        if isinstance(module, DistributedDataParallel) and not last:
            return module.no_sync()
        if isinstance(module, FSDPModule):
            module.set_requires_gradient_sync(last)
        return nullcontext()

    def weights(self, model: nn.Module) -> dict[str, Any]:
        """The whole state of a model, wherever its parts are."""
        return get_model_state_dict(model, options=_FULL) if self.sharded else model.state_dict()

    def optimiser_state(self, model: nn.Module, optimiser: torch.optim.Optimizer) -> dict[str, Any]:
        """The whole state of an optimiser."""
        if not self.sharded:
            return optimiser.state_dict()
        return get_optimizer_state_dict(model, optimiser, options=_FULL)

    def load_optimiser(self, model: nn.Module, optimiser: torch.optim.Optimizer, state: dict[str, Any]) -> None:
        """The inverse of `optimiser_state`."""
        if not self.sharded:
            optimiser.load_state_dict(state)
        else:
            set_optimizer_state_dict(model, optimiser, state, options=_FULL)

    @property
    def sharded(self) -> bool:
        """Whether every process holds only a part of the model."""
        return self.size > 1 and self.sharding == "fsdp"


@contextmanager
def world(device: torch.device | None = None, sharding: Sharding = "ddp") -> Iterator[World]:
    """Join the processes that torchrun started (gloo on CPUs, NCCL on GPUs), or be alone.

    `device`: by default each process's own GPU where there are some, else the CPU.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if device is None:
        local = int(os.environ.get("LOCAL_RANK", "0"))
        device = torch.device("cuda", local) if torch.cuda.is_available() else torch.device("cpu")
    if size == 1:
        yield World(device=device, sharding=sharding)
        return
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield World(rank=dist.get_rank(), size=size, device=device, sharding=sharding)
    finally:
        dist.destroy_process_group()
