"""What every predictor is: it opens a video, takes prompts, and propagates them.

Legend: H W image.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from masklet.data.sequences import Clip, Mask
from masklet.session import Prompt


@dataclass(frozen=True, slots=True, kw_only=True)
class Predicted:
    """One object on one frame: its mask [H, W], and what the predictor says of it.

    Attributes
    ----------
    iou: its estimate of the mask's IoU, 0..1; None where it makes none.
    score: its object score, a logit above 0 where it takes the object to be visible; None where it has none.
    """

    mask: Mask
    iou: float | None = None
    score: float | None = None

    @property
    def visible(self) -> bool:
        """Whether the object is said to be seen: by the score, without one by the mask."""
        return bool(self.mask.any()) if self.score is None else self.score > 0


Frame = dict[int, Predicted]
"""Object id -> its prediction on one frame."""


class Tracking(Protocol):
    """One video under way; closing it closes the clip: `with contextlib.closing(predictor.open(clip)) as tracking`."""

    def prompt(self, frame: int, object_id: int, prompt: Prompt) -> Predicted:
        """Point at an object, a new one if the id is new, and see the answer on that frame.

        Clicks are added to those that the object has on the frame; a box or a mask starts anew.

        Raises
        ------
        ValueError: the prompt does not fit the frame.
        """
        ...

    def propagate(self) -> Iterator[tuple[int, Frame]]:
        """Every frame from the earliest prompted one to the last, in order, with all objects prompted up to there.

        Prompts may be given between two frames, for frames to come and for the one just yielded: an object that
        begins later is prompted when its frame is next. Called again, it starts from the beginning with all prompts.

        Raises
        ------
        ValueError: nothing was prompted.
        """
        ...

    def close(self) -> None:
        """Release the clip and all else."""
        ...


class Predictor(Protocol):
    """Follows objects through videos. Holds its model; keeps nothing from one video to the next."""

    @property
    def name(self) -> str:
        """What tables call it."""
        ...

    def open(self, clip: Clip, *, overlap: bool = True, revisit: bool = False) -> Tracking:
        """Begin a video.

        Parameters
        ----------
        clip: taken over; closed with the tracking.
        overlap: whether masks of several objects may overlap; where not, a predictor that can tell gives each pixel to
            the object that it is surest of (the published inference for DAVIS, MOSE and YouTube-VOS).
        revisit: whether frames may be prompted once propagation is past them.
        """
        ...
