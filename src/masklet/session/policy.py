"""How a session behaves where there is a choice; the published behaviours beside the right ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from masklet.model.mask_decoder import Decoded
from masklet.session.selection import Chosen, take_plain, take_single


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The choices of a session.

    corrections_condition
        A prompt on a frame that was already tracked becomes a conditioning frame, so that it survives propagation.
    wait_for_prompt
        An object is tracked from its first prompt on (in the direction of travel), not before.
    hole_area
        Holes of at most this many pixels, on a 256x256 mask, are filled.
    single
        How one mask is chosen for an unambiguous prompt.
    binary_prompts
        Masks of prompted frames enter the memory as 0 or 1, not as probabilities.
    max_conditioning
        A frame attends to at most this many conditioning frames, the closest ones (at least 2; None: all).
    non_overlap
        Where masks of several objects overlap, the strongest wins.
    hidden_as_mask
        Where an object was held to be out of sight, a click that says where it is gets the empty mask of that frame
        as its earlier mask all the same.
    """

    corrections_condition: bool = True
    wait_for_prompt: bool = True
    hole_area: int = 8
    single: Callable[[Decoded], Chosen] = take_single
    binary_prompts: bool = True
    max_conditioning: int | None = None
    non_overlap: bool = False
    hidden_as_mask: bool = False

    def __post_init__(self) -> None:
        if self.max_conditioning is not None and self.max_conditioning < 2:
            raise ValueError(f"max_conditioning must be at least 2 or None, got {self.max_conditioning}")


CORRECT = Policy()
# The released code fills holes only where a compiled extension is present, and loses corrections of tracked frames.
PUBLISHED = Policy(corrections_condition=False, wait_for_prompt=False, hole_area=0, hidden_as_mask=True)


def without_postprocessing(policy: Policy) -> Policy:
    """What the published builders' `apply_postprocessing=False` leaves of a policy."""
    return replace(policy, hole_area=0, single=take_plain, binary_prompts=False)
