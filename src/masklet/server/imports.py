"""Masks from files as prompts: read in a process of its own, then one edit."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from masklet.export import read_masklet_json
from masklet.export.info import VideoInfo
from masklet.masks import FrameMask, Masklet
from masklet.media import Clip
from masklet.server.apart import Unfit, ask_apart
from masklet.server.mask_files import MaskFile
from masklet.server.model_side import drawn
from masklet.server.settings import Limits
from masklet.store import Change, MaskRecord, ObjectRecord, PromptRecord

MOST_BYTES = 256 * 2**20
"""Of a file of masks, and of what may be unpacked from one."""


def read_apart(file: MaskFile, clip: Clip, frame: int, limits: Limits) -> tuple[Masklet, ...]:
    """The masklets of a file, which fit the clip. Raises Unfit for any other file, in one line.

    Parameters
    ----------
    frame
        Where a single picture belongs whose name is no frame's.
    """
    if (size := file.path.stat().st_size) > MOST_BYTES:
        raise Unfit(f"{file.name} has {size} bytes, a file of masks may have {MOST_BYTES}")
    # The times are not needed, and would be most of the request.
    video = replace(VideoInfo.from_clip(clip), timestamps=None)
    with tempfile.TemporaryDirectory(prefix="masklet-import-") as folder:
        scratch, target = Path(folder, "files"), Path(folder, "masks.json")
        scratch.mkdir()
        request = {
            "path": str(file.path),
            "name": file.name,
            "scratch": str(scratch),
            "target": str(target),
            "video": video.to_json(),
            "frame": frame,
            "most_bytes": MOST_BYTES,
        }
        try:
            ask_apart("masklet.server.import_child", request, [scratch, file.path.parent], limits)
        except Unfit as error:
            raise Unfit(str(error).replace(file.path.name, file.name)) from None
        return read_masklet_json(target).masklets


def as_change(masklets: Sequence[Masklet], first: int, every: int) -> Change:
    """New objects with all masks of the masklets.

    Parameters
    ----------
    first
        Number of the first new object; the others follow.
    every
        Of the frames in which an object is visible, each n-th becomes a prompt, the first one always; the masks of the
        others stand until they are tracked anew. With 1, frames without the object are prompts as well: they say that
        it is not there.
    """
    objects: list[ObjectRecord] = []
    prompts: list[PromptRecord] = []
    masks: list[MaskRecord] = []
    for number, masklet in enumerate(masklets, first):
        objects.append(ObjectRecord.new(number, masklet.name[:200] if masklet.name else None))
        prompted = _prompted(masklet, every)
        for mask in masklet:
            is_prompt = mask.frame in prompted
            masks.append(
                MaskRecord(object=number, frame=mask.frame, mask=replace(mask, prompted=is_prompt), edited=is_prompt)
            )
            if is_prompt:
                prompts.append(PromptRecord(object=number, frame=mask.frame, prompt=drawn()))
    return Change(objects=tuple(objects), prompts=tuple(prompts), masks=tuple(masks))


def _prompted(masklet: Masklet, every: int) -> set[int]:
    if every == 1:
        return set(masklet.frames)
    seen: list[FrameMask] = [mask for mask in masklet if mask.rle]
    return {mask.frame for mask in seen[::every]}
