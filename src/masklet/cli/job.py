"""What `masklet track` is asked to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from masklet.cli.options import Dtype
from masklet.cli.prompts import Prompt
from masklet.media import read_mask
from masklet.session.passes import both_ways

Direction = Literal["forward", "backward", "both"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What to track, and how. None is what was not said."""

    prompts: tuple[Prompt, ...]
    model: str | None = None
    dtype: Dtype | None = None
    fast: int | None = None
    start: int | None = None
    stop: int | None = None
    direction: Direction | None = None

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "prompts": [prompt.to_json() for prompt in self.prompts]}

    @classmethod
    def from_json(cls, header: Mapping[str, Any]) -> Job:
        """Read the fields of a job from a journal's header, which holds others as well."""
        fields = {name: header[name] for name in ("model", "dtype", "start", "stop", "direction")}
        fields["fast"] = header.get("fast", 0)  # older journals do not say
        return cls(prompts=tuple(Prompt.from_json(record) for record in header["prompts"]), **fields)

    def with_defaults(self) -> Job:
        """The same with everything said."""
        return replace(
            self,
            model=self.model or "nano",
            dtype=self.dtype or "float32",
            fast=self.fast or 0,
            direction=self.direction or "forward",
        )

    def going_on(self, older: Job) -> Job:
        """The older job, of which this one may repeat all or part.

        Raises:
            ValueError: something was said that differs from it.
        """
        for name in self.__slots__:
            now, then = getattr(self, name), getattr(older, name)
            if now not in (None, ()) and now != then:
                raise ValueError(
                    f"the run to go on with has another {name.rstrip('s')}; leave it out, or use --overwrite"
                )
        return older

    def passes(self, count: int) -> list[range]:
        """The frames to track in a clip of `count` frames, in order: one range, or two for "both".

        Raises:
            ValueError: a range outside of the clip, or an empty one.
        """
        first = min(prompt.frame for prompt in self.prompts)
        last = max(prompt.frame for prompt in self.prompts)
        low = self.start if self.start is not None else first if self.direction == "forward" else 0
        high = self.stop if self.stop is not None else last + 1 if self.direction == "backward" else count
        if not 0 <= low < high <= count:
            raise ValueError(f"expected a range of frames within 0..{count} (the video's length), not {low}..{high}")
        if self.direction == "backward":
            return [range(high - 1, low - 1, -1)]
        if self.direction == "both":
            return list(both_ways(self._begins().values(), low, high))
        return [range(low, high)]

    def corrections(self, count: int) -> list[Prompt]:
        """Clicks that are put on what tracking finds on their frame, in a clip of `count` frames.

        They are the prompts of clicks alone behind the one that their object begins with, on the way that it is
        tracked. All other prompts, and clicks that no pass comes by, stand alone.
        """
        begins, passes = self._begins(), self.passes(count)
        return [
            prompt
            for prompt in self.prompts
            if prompt.frame != begins[prompt.object_id]
            and not (prompt.box or prompt.mask)
            and any(prompt.frame in frames for frames in passes)
        ]

    def _begins(self) -> dict[int, int]:
        """The frame that each object is tracked from: both ways the first with a box or mask, if there is any."""
        begins: dict[int, int] = {}
        for number in {prompt.object_id for prompt in self.prompts}:
            own = [prompt for prompt in self.prompts if prompt.object_id == number]
            shown = [prompt.frame for prompt in own if prompt.box or prompt.mask] if self.direction == "both" else []
            frames = shown or [prompt.frame for prompt in own]
            begins[number] = max(frames) if self.direction == "backward" else min(frames)
        return begins


def mask_prompts(path: Path, frame: int) -> list[Prompt]:
    """One prompt for each object of a picture of labels; black and white (0 and 255) is object 1.

    Raises:
        ValueError: no object in it. OSError: it cannot be read.
    """
    labels = [int(value) for value in np.unique(read_mask(path)) if value]
    if not labels:
        raise ValueError(f"{path} is empty: expected at least one pixel that is not 0")
    if labels == [255]:
        return [Prompt(object_id=1, frame=frame, mask=str(path))]
    return [Prompt(object_id=label, frame=frame, mask=str(path), label=label) for label in labels]
