"""Tensors only: image encoders, memory, prompt encoder, mask decoder, configurations and checkpoints."""

from masklet.model.configs import CONFIGS, NANO, OFFICIAL, ModelConfig
from masklet.model.errors import CheckpointError
from masklet.model.registry import load_model
from masklet.model.sam2 import Sam2, build

__all__ = ["CONFIGS", "NANO", "OFFICIAL", "CheckpointError", "ModelConfig", "Sam2", "build", "load_model"]
