"""The engine: image predictor, streaming video session, memory bank, everything-mode."""

from masklet.session.image import ImagePredictor, Prediction
from masklet.session.policy import CORRECT, PUBLISHED, Policy
from masklet.session.prompts import Prompt
from masklet.session.results import FrameResult, ObjectMask
from masklet.session.video import VideoSession

__all__ = [
    "CORRECT",
    "PUBLISHED",
    "FrameResult",
    "ImagePredictor",
    "ObjectMask",
    "Policy",
    "Prediction",
    "Prompt",
    "VideoSession",
]
