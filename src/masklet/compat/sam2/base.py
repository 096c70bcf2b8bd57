"""What the builders return: a model, and how sessions over it are to behave."""

from __future__ import annotations

import torch
from torch import nn

from masklet.model.sam2 import Sam2
from masklet.session.policy import CORRECT, Policy


class SAM2Base(nn.Module):
    """A model with the attributes that users of the published one read; moves and switches mode as any module."""

    def __init__(self, model: Sam2, policy: Policy = CORRECT) -> None:
        super().__init__()
        self.model = model
        self.policy = policy
        self.train(model.training)

    @property
    def image_size(self) -> int:
        """Side of the square that pictures are resized to."""
        return self.model.config.image_size

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.model.device


def wrapped(model: SAM2Base | Sam2) -> SAM2Base:
    """A builder's model as it is, one of `masklet.load_model` with the default behaviour."""
    if isinstance(model, SAM2Base):
        return model
    if isinstance(model, Sam2):
        return SAM2Base(model)
    raise TypeError(f"expected a model of build_sam2 or masklet.load_model, got {type(model).__name__}")
