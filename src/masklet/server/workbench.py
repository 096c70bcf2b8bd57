"""What the commands of a page do: the model works, the store keeps, the pages are told."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from masklet.masks import FrameMask, Masklet, Rle
from masklet.masks.rle import union
from masklet.server.effect_shelf import EffectShelf
from masklet.server.imports import as_change
from masklet.server.live import Live
from masklet.server.look_ahead import LookAhead
from masklet.server.messages import (
    Candidates,
    Choose,
    Clear,
    EffectsCommand,
    Kind,
    MaskCommand,
    MaskMessage,
    ObjectAdd,
    ObjectChange,
    ObjectDelete,
    ObjectMerge,
    Preview,
    PromptCommand,
    Redo,
    Track,
    Undo,
)
from masklet.server.model_side import MOST_CHANGES, ModelSide, drawn, is_drawn, point_at
from masklet.server.tracking import Tracking
from masklet.server.worker import Worker
from masklet.session import Prompt, VideoSession
from masklet.session.candidates import candidates
from masklet.session.cores import on_one_core
from masklet.store import Applied, Change, MaskRecord, ObjectRecord, PromptRecord


class Workbench:
    """The commands of one media. Those that change masks or ask the model are for the worker's thread.

    Parameters
    ----------
    live
        The media's state and its pages.
    worker
        Where tracking goes on frame by frame, and where frames are looked at ahead.
    make_session
        Opens a session of the media, without prompts.
    tracked
        Told of every tracked frame.
    check_bytes
        As for the effects.
    """

    def __init__(
        self,
        live: Live,
        worker: Worker,
        make_session: Callable[[], VideoSession],
        tracked: Callable[[], None],
        check_bytes: Callable[[int], None],
    ) -> None:
        self.live = live
        self._worker = worker
        self.effects = EffectShelf(live, check_bytes)
        self._model = ModelSide(make_session, live.read)
        self._tracking = Tracking(live, worker, self._model, tracked)
        self._ahead = LookAhead(worker, live.media.frames, lambda frame: self._model.ready(live.state).features(frame))

    @property
    def busy(self) -> bool:
        """Whether a tracking run is under way."""
        return self._tracking.busy

    @property
    def resting(self) -> bool:
        """Whether the model holds nothing of the media."""
        return not self._model.there

    @property
    def unused(self) -> float:
        """For how many seconds nothing has been asked of the model."""
        return time.monotonic() - self._model.used

    # -- objects ------------------------------------------------------------------------------------------------------

    def add_object(self, command: ObjectAdd) -> dict[str, Any]:
        record = ObjectRecord.new(self.live.next_object(), command.name, command.colour)
        self.live.commit("object-add", {"object": record.object}, Change(objects=(record,)))
        return {"object": record.object}

    def change_object(self, command: ObjectChange) -> dict[str, Any]:
        fields = command.model_dump(exclude_none=True, exclude={"type", "request", "object"})
        if not fields:
            raise ValueError("expected a name, colour, hidden or locked to change, got none")
        if "colour" in fields:
            fields["colour"] = fields["colour"].lower()
        with self.live.lock:
            record = replace(self.live.object(command.object), **fields)
            self.live.commit("object-change", {"object": command.object, **fields}, Change(objects=(record,)))
        return {}

    def delete_object(self, command: ObjectDelete) -> dict[str, Any]:
        self._tracking.end("stopped")
        number = command.object
        gone = self._without({number}, objects=[replace(self.live.editable(number), present=False)])
        known = self._model.knows(number)
        applied = self.live.commit("object-delete", {"object": number}, gone)
        if known:
            self._model.ready(self.live.state).remove_object(number)
            self._model.made(applied.revision.id)
        return {}

    def merge_objects(self, command: ObjectMerge) -> dict[str, Any]:
        self._tracking.end("stopped")
        numbers = list(dict.fromkeys(command.objects))
        if command.into not in numbers or len(numbers) < 2:
            raise ValueError(f"expected two objects or more, among them object {command.into}, got {command.objects}")
        records = {number: self.live.editable(number) for number in numbers}
        state = self.live.state
        others = set(numbers) - {command.into}
        gone = self._without(others, objects=[replace(records[number], present=False) for number in sorted(others)])
        masks: list[MaskRecord] = []
        prompts: list[PromptRecord] = []
        frames = sorted({frame for number in others for frame in state.masks.get(number, {})})
        for frame in frames:
            entries = [entry for number in numbers if (entry := state.masks.get(number, {}).get(frame))]
            merged = replace(
                FrameMask.given(frame, union([self.live.read(entry) for entry in entries])),
                prompted=any(frame in state.prompts.get(number, {}) for number in numbers),
            )
            masks.append(MaskRecord(object=command.into, frame=frame, mask=merged, edited=True))
            if merged.prompted:
                prompts.append(PromptRecord(object=command.into, frame=frame, prompt=drawn()))
        change = replace(gone, masks=(*gone.masks, *masks), prompts=(*gone.prompts, *prompts))
        self.live.commit("object-merge", {"objects": numbers, "into": command.into}, change)
        self._model.drop()
        return {}

    def import_masks(self, masklets: Sequence[Masklet], every: int) -> Change:
        """Makes objects of masks from a file; of the frames with masks each `every`-th becomes a prompt."""
        self._tracking.end("stopped")
        first = self.live.next_object(len(masklets))
        change = as_change(masklets, first, every)
        numbers = [record.object for record in change.objects]
        self.live.commit("import", {"objects": numbers, "every": every}, change)
        self._model.drop()
        return change

    def set_effects(self, command: EffectsCommand) -> dict[str, Any]:
        return {"effects": self.effects.put(command.effects, command.gesture)}

    # -- prompts ------------------------------------------------------------------------------------------------------

    def prompt(self, command: PromptCommand) -> dict[str, Any]:
        self._tracking.end("stopped")
        prompt = Prompt.checked(
            self._size,
            points=command.points or None,
            labels=command.labels if command.points or command.labels else None,
            box=command.box,
        )
        target = self._target(command.object, command.frame)
        number, frame = target.object, command.frame
        earlier = self.live.state.prompts.get(number, {}).get(frame)
        session = self._model.ready(self.live.state)
        changes = 1
        if earlier is not None and command.fresh:
            # Without this the earlier mask would be a prompt too.
            session.clear(frame=frame, object_id=number)
            session.forget(number, [frame])
            changes = 2
        elif earlier is not None and not is_drawn(earlier):
            prompt = _added(Prompt.from_json(dict(earlier)), prompt)
        elif earlier is None and not command.fresh:
            changes += self._remind(session, number, frame)
        session.features(frame)
        with on_one_core():
            result = point_at(session, frame, number, prompt)
            found = result.objects[number].frame_mask(frame)
        self._commit_prompt("prompt", target, found, prompt.to_json(), changes=changes)
        return {"object": number, "candidates": 3 if _ambiguous(prompt) else 0}

    def give_mask(self, command: MaskCommand) -> dict[str, Any]:
        self._tracking.end("stopped")
        height, width = self._size
        rle = Rle.from_coco({"size": [height, width], "counts": command.counts})
        target = self._target(command.object, command.frame)
        self._take_mask("mask", target, replace(FrameMask.given(command.frame, rle), prompted=True), drawn())
        return {"object": target.object}

    def candidates(self, command: Candidates) -> list[MaskMessage]:
        """Three masks, best first."""
        self.live.object(command.object)
        return [
            MaskMessage(kind=Kind.CANDIDATE, object=command.object, number=command.request, mask=mask)
            for mask in self._candidates(command)
        ]

    def choose(self, command: Choose) -> dict[str, Any]:
        self._tracking.end("stopped")
        target = self._target(command.object, command.frame)
        mask = self._candidates(command)[command.candidate]
        click = {**self.live.state.prompts[command.object][command.frame], "candidate": command.candidate}
        self._take_mask("choose", target, mask, click)
        return {}

    def preview(self, command: Preview) -> MaskMessage:
        """What a click would give."""
        session = self._model.ready(self.live.state)
        session.features(command.frame)
        with on_one_core():
            best = candidates(session, command.frame, points=[(command.x, command.y)], most=1)[0]
        return MaskMessage(kind=Kind.PREVIEW, object=0, number=command.request, mask=best)

    def clear(self, command: Clear) -> dict[str, Any]:
        self._tracking.end("stopped")
        state = self.live.state
        frames = self._cleared_frames(command)
        if command.object is not None:
            numbers = {self.live.editable(command.object).object}
        else:
            numbers = {number for number, record in state.objects.items() if not record.locked}
        change = self._without(numbers, frames=frames)
        if not change.masks and not change.prompts:
            return {}
        payload = command.model_dump(exclude={"type", "request"}, exclude_none=True)
        applied = self.live.commit("clear", payload, change)
        known = [number for number in sorted(numbers) if self._model.knows(number)]
        if not 0 < len(known) <= MOST_CHANGES or (frames is None and command.object is None):
            self._model.drop()
            return {}
        session = self._model.ready(state)
        for number in known:
            session.clear(frame=frames, object_id=number)
            if frames is not None:
                session.forget(number, frames)
        self._model.made(applied.revision.id, len(known))
        return {}

    def undo(self, _: Undo) -> dict[str, Any]:
        self._tracking.end("stopped")
        self._model.undone(self.live.undo())
        return {}

    def redo(self, _: Redo) -> dict[str, Any]:
        self._tracking.end("stopped")
        self._model.redone(self.live.redo())
        return {}

    # -- tracking -----------------------------------------------------------------------------------------------------

    def track(self, command: Track) -> dict[str, Any]:
        """Begins a run; it goes on in the worker, a frame at a time."""
        return {"job": self._tracking.begin(command)}

    def stop(self, number: int) -> dict[str, Any]:
        """Ends a run before its next frame; from any thread."""
        self._tracking.stop(number)
        return {}

    # -- looking ahead ------------------------------------------------------------------------------------------------

    def look_at(self, frame: int) -> None:
        """The page shows a frame: features of it and its neighbours are made while the worker has nothing else to do.
        From any thread."""
        self._ahead.look_at(frame)

    def rest(self) -> None:
        """Closes the session; the store has everything, and the next command makes it anew. For the worker's thread."""
        if not self._tracking.busy:
            self._model.drop()

    def close(self) -> None:
        """Ends tracking and closes the session; the store has everything. For the worker's thread."""
        self._tracking.end("stopped")
        self._model.drop()

    # -- inside -------------------------------------------------------------------------------------------------------

    @property
    def _size(self) -> tuple[int, int]:
        return self.live.media.height, self.live.media.width

    def _candidates(self, command: Candidates | Choose) -> list[FrameMask]:
        stored = self.live.state.prompts.get(command.object, {}).get(command.frame)
        prompt = None if stored is None or is_drawn(stored) else Prompt.from_json(dict(stored))
        if prompt is None or not _ambiguous(prompt):
            raise ValueError(f"object {command.object} has no single click on frame {command.frame} to choose for")
        session = self._model.ready(self.live.state)
        session.features(command.frame)
        with on_one_core():
            return candidates(session, command.frame, points=prompt.points, labels=prompt.labels)

    def _remind(self, session: VideoSession, number: int, frame: int) -> int:
        """Tells a session that was made anew of a tracked mask that is to be corrected; how many changes that made."""
        entry = self.live.state.masks.get(number, {}).get(frame)
        if entry is None or number in session.result(frame).objects:
            return 0
        stored = self.live.read(entry)
        if not stored:
            return 0
        session.prompt(frame, number, mask=stored.decode())
        return 1

    def _target(self, number: int | None, frame: int) -> ObjectRecord:
        """The object that a prompt on a frame is for, or (None) a new one, which the prompt's edit makes. Raises
        ValueError where it is locked or absent, or there is no such frame."""
        if number is not None:
            return self.live.editable(number)
        self._model.ready(self.live.state).source.check(frame)
        return ObjectRecord.new(self.live.next_object())

    def _take_mask(self, kind: str, target: ObjectRecord, mask: FrameMask, stored: Mapping[str, Any]) -> None:
        number, frame = target.object, mask.frame
        session = self._model.ready(self.live.state)
        changes = 1
        if mask.rle:
            session.prompt(frame, number, mask=mask.rle.decode())
        elif self._model.knows(number):
            # An empty mask says that the object is not there: the model has nothing to learn from the frame.
            session.clear(frame=frame, object_id=number)
            session.forget(number, [frame])
        else:
            session.source.check(frame)
            changes = 0
        self._commit_prompt(kind, target, mask, stored, edited=True, changes=changes)

    def _commit_prompt(
        self,
        kind: str,
        target: ObjectRecord,
        mask: FrameMask,
        stored: Mapping[str, Any],
        *,
        edited: bool = False,
        changes: int = 1,
    ) -> Applied:
        """Stores what the session has already been told; where that fails, the session is made anew."""
        number, frame = target.object, mask.frame
        change = Change(
            objects=() if number in self.live.state.objects else (target,),
            prompts=(PromptRecord(object=number, frame=frame, prompt=stored),),
            masks=(MaskRecord(object=number, frame=frame, mask=mask, edited=edited),),
        )
        try:
            applied = self.live.commit(kind, {"object": number, "frame": frame}, change)
        except BaseException:
            self._model.drop()
            raise
        self._model.made(applied.revision.id, changes)
        return applied

    def _cleared_frames(self, command: Clear) -> range | None:
        """The frames that are to be cleared; None: all. Raises ValueError where they are not frames of the media."""
        count = self.live.media.frames
        if command.frame is not None:
            start, stop = command.frame, command.frame + 1
        elif command.start is not None and command.stop is not None:
            start, stop = command.start, command.stop
        else:
            return None
        if not start < stop <= count:
            raise ValueError(f"expected frames within 0..{count - 1}, got {start}..{stop - 1}")
        return range(start, stop)

    def _without(
        self, numbers: set[int], *, frames: range | None = None, objects: list[ObjectRecord] | None = None
    ) -> Change:
        """Takes the prompts and masks of some objects away, of some frames or of all."""
        state = self.live.state
        prompts = [(n, f) for n in sorted(numbers) for f in state.prompts.get(n, {}) if frames is None or f in frames]
        masks = [(n, f) for n in sorted(numbers) for f in state.masks.get(n, {}) if frames is None or f in frames]
        return Change(
            objects=tuple(objects or ()),
            prompts=tuple(PromptRecord(object=n, frame=f, prompt=None) for n, f in prompts),
            masks=tuple(MaskRecord(object=n, frame=f, mask=None) for n, f in masks),
        )


def _ambiguous(prompt: Prompt) -> bool:
    """Whether a prompt is one click on the object and nothing else, which may mean a whole or a part."""
    return prompt.labels == (1,) and prompt.box is None


def _added(earlier: Prompt, prompt: Prompt) -> Prompt:
    """Clicks after earlier ones; a new box takes the place of an earlier box."""
    return Prompt((*earlier.points, *prompt.points), (*earlier.labels, *prompt.labels), prompt.box or earlier.box)
