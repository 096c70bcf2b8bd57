"""How protocols point at objects: by the truth, and by what the predictor makes of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from masklet.data.sequences import AnnotatedVideo, Mask, Target
from masklet.metrics.predictors import Frame, Tracking, box_prompt, click_prompt, mask_prompt
from masklet.metrics.users import PROMPTS, Click, correction_click, first_click, mask_box


def check_prompts(prompts: Sequence[str]) -> None:
    """Raise ValueError unless there is at least one setting, all are known, and each comes once."""
    unknown = [prompt for prompt in prompts if prompt not in PROMPTS]
    if unknown:
        raise ValueError(f"expected prompts out of {', '.join(PROMPTS)}, got {unknown[0]!r}")
    if not prompts or len(set(prompts)) != len(prompts):
        raise ValueError(f"expected at least one prompt and each once, got {', '.join(prompts) or 'none'}")


def point_at(tracking: Tracking, frame: int, object_id: int, truth: Mask, setting: str) -> None:
    """Show an object on a frame where it begins, as one of `users.PROMPTS` says; `truth` [H, W] is not empty.

    Clicks come one by one, each on the centre of what is wrong with the answer to those before (SAM 2 paper, section
    on semi-supervised video object segmentation); fewer where nothing is wrong.
    """
    if setting == "mask":
        tracking.prompt(frame, object_id, mask_prompt(truth))
    elif setting == "box":
        tracking.prompt(frame, object_id, box_prompt(mask_box(truth)))
    else:
        click(tracking, frame, object_id, truth, int(setting.removeprefix("click-")), None)


def click(
    tracking: Tracking, frame: int, object_id: int, truth: Mask, count: int, shown: Mask | None
) -> tuple[int, Mask | None]:
    """Up to `count` clicks on a frame.

    Parameters
    ----------
    truth: [H, W], what the user wants.
    shown: [H, W], what the user sees; None: nothing yet, so that the first click is on the object's centre.

    Returns
    -------
    How many clicks were made (fewer than `count` where nothing is wrong), and the mask that is shown then.
    """
    for made in range(count):
        if shown is None:
            x, y = first_click(truth)
            chosen = Click(x=x, y=y, positive=True)
        else:
            chosen = correction_click(shown, truth)
            if chosen is None:
                return made, shown
        shown = tracking.prompt(frame, object_id, click_prompt(chosen)).mask
    return count, shown


def truth_at_start(video: AnnotatedVideo, target: Target) -> Mask:
    """The mask [H, W] of an object on the frame where it is to be prompted.

    Raises
    ------
    ValueError: it is not annotated there, or not seen.
    """
    if target.frame not in video.annotations.frames:
        raise ValueError(f"{video.name}: object {target.object_id} starts on frame {target.frame}, without annotation")
    masks: Mapping[int, Mask] = video.annotations.masks(target.frame)
    if target.object_id not in masks or not masks[target.object_id].any():
        raise ValueError(f"{video.name}: object {target.object_id} is not seen on frame {target.frame}, its first")
    return masks[target.object_id]


def follow(
    tracking: Tracking, targets: Sequence[Target], show: Callable[[Target], None]
) -> Iterator[tuple[int, Frame]]:
    """Every frame in one run; `show` points at each target's object when the tracker gets to where it begins.

    That is the rule of YouTube-VOS and LVOS for objects that come later.
    """
    waiting = sorted(targets, key=lambda target: (target.frame, target.object_id), reverse=True)
    due = waiting[-1].frame if waiting else 0
    while waiting and waiting[-1].frame == due:
        show(waiting.pop())
    for frame, found in tracking.propagate():
        yield frame, found
        while waiting and waiting[-1].frame == frame + 1:
            show(waiting.pop())
