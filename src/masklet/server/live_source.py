"""A camera or screen that is segmented while it runs: a stream session, and the recording that it leaves."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from masklet.server.messages import Kind, MaskMessage
from masklet.server.recordings import Recording
from masklet.server.source_messages import SourcePrompt
from masklet.session import VideoSession
from masklet.store import ObjectRecord


class LiveSource:
    """The objects of a stream. For the worker's thread.

    Parameters
    ----------
    session
        A session to which frames are pushed; it belongs to the source.
    recording
        Takes every frame with its masks. Frame n of the session is its frame n.
    """

    def __init__(self, session: VideoSession, recording: Recording) -> None:
        self._session = session
        self._recording = recording
        self._objects: dict[int, ObjectRecord] = {}
        self._last_number = 0

    @property
    def objects(self) -> list[ObjectRecord]:
        return list(self._objects.values())

    def push(self, jpeg: bytes, picture: NDArray[np.uint8], seconds: float) -> tuple[int, list[MaskMessage]]:
        """Takes the next frame; its number, and the masks of all objects on it."""
        result = self._session.push(picture)
        masks = {number: found.frame_mask(result.frame) for number, found in result.objects.items()}
        self._recording.add(jpeg, seconds, masks)
        return result.frame, [
            MaskMessage(kind=Kind.STORED, object=number, number=result.frame, mask=mask)
            for number, mask in masks.items()
        ]

    def prompt(self, command: SourcePrompt) -> MaskMessage:
        """Points at an object, a new one if the command names none, on a frame that is still kept.

        Raises ValueError where the frame is gone, or the prompt does not fit; nothing has changed then.
        """
        number = command.object if command.object is not None else self._last_number + 1
        if command.object is not None and number not in self._objects:
            raise ValueError(f"there is no object {number}; objects: {sorted(self._objects)}")
        result = self._session.prompt(
            command.frame,
            number,
            points=command.points or None,
            labels=command.labels if command.points or command.labels else None,
            box=command.box,
            replace=command.box is not None,
        )
        mask = result.objects[number].frame_mask(command.frame)
        if command.object is None:
            self._last_number = number
            self._objects[number] = ObjectRecord.new(number)
            self._recording.note_object(self._objects[number])
        self._recording.note_prompt(number, self._session.prompts(number)[command.frame].to_json(), mask)
        return MaskMessage(kind=Kind.STORED, object=number, number=command.frame, mask=mask)

    def follow(self, number: int, frame: int) -> Iterator[MaskMessage]:
        """Tracks an object from a frame that it was prompted on over those that have come since, one at a time.

        No frame may come in between: what is tracked on it would lack what is still to be remembered.
        """
        for result in islice(self._session.propagate(frame, objects=[number]), 1, None):
            mask = result.objects[number].frame_mask(result.frame)
            self._recording.note_mask(number, mask)
            yield MaskMessage(kind=Kind.STORED, object=number, number=result.frame, mask=mask)

    def delete(self, number: int) -> None:
        """Forgets an object. Raises ValueError where there is none of that number."""
        if number not in self._objects:
            raise ValueError(f"there is no object {number}; objects: {sorted(self._objects)}")
        self._session.remove_object(number)
        self._recording.note_object(replace(self._objects.pop(number), present=False))

    def close(self) -> None:
        self._session.close()


def decode_jpeg(data: bytes, width: int, height: int) -> NDArray[np.uint8]:
    """A JPEG of a known size as HxWx3 RGB. Raises ValueError for anything else, before a pixel is decoded."""
    try:
        with Image.open(io.BytesIO(data), formats=["JPEG"]) as image:
            if image.size != (width, height):
                raise ValueError(f"expected a frame of {width}x{height}, got {image.size[0]}x{image.size[1]}")
            return np.array(image.convert("RGB"))
    except (UnidentifiedImageError, OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(f"expected a frame as a JPEG, got something that is none: {error}") from None
