"""The WebSocket of a live source: frames in, masks out, commands in between.

A frame that comes while another waits takes its place: what is late is skipped, and nothing piles up. The connection's
end is the recording's end, whoever ends it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from fastapi import WebSocket, WebSocketDisconnect

from masklet.server.apart import Unfit
from masklet.server.live import describe_media, describe_object
from masklet.server.live_source import LiveSource, decode_jpeg
from masklet.server.messages import BadCommand, MaskMessage
from masklet.server.recordings import About, Recording, Recordings
from masklet.server.services import Services
from masklet.server.settings import Limits
from masklet.server.source_messages import (
    Finish,
    SourceCommand,
    SourceDelete,
    SourceFrame,
    SourcePrompt,
    parse_source_command,
    parse_start,
)
from masklet.server.studio import Studio
from masklet.server.visitors import chosen_project, visitor
from masklet.server.worker import Urgency
from masklet.store import Media

T = TypeVar("T")
logger = logging.getLogger("masklet.server")
_NORMAL = 1000
_MOST_COMMANDS = 64


@dataclass(frozen=True, slots=True)
class _Ended(Exception):
    """The recording is over: whether it is to be kept, and why it ended, if the page did not ask for it."""

    keep: bool = True
    reason: str | None = None


async def serve_source(socket: WebSocket, parts: Services) -> None:
    """Serves the page of a live source until it is done or gone, and keeps what was recorded. The socket is accepted.

    Raises Crowded where there are too many, TooLarge where the visitor keeps too much already, and other ValueErrors
    where the page does not say what is to come, or the model cannot be had.
    """
    limits = parts.settings.limits
    async with asyncio.timeout(limits.idle_seconds):
        first = await socket.receive()
    start = parse_start(first.get("text"))
    if start.width * start.height > limits.source_pixels:
        raise ValueError(
            f"a live source has frames of {limits.source_pixels} pixels at most, got {start.width}x{start.height}"
        )
    await asyncio.to_thread(parts.library.check_room, limits.source_bytes)
    about = About(
        name=start.name,
        width=start.width,
        height=start.height,
        project_id=await asyncio.to_thread(chosen_project, parts.store, start.project),
        author=visitor().name,
        user=visitor().user,
    )
    await _record(socket, parts.studio, parts.recordings, about, limits)


async def _record(socket: WebSocket, studio: Studio, recordings: Recordings, about: About, limits: Limits) -> None:
    identity = secrets.token_hex(12)
    async with studio.stream() as session:
        recording = await asyncio.to_thread(recordings.begin, identity, about)
        source = LiveSource(session, recording)
        end = _Ended(keep=False, reason="internal error")
        try:
            end = await _SourcePage(socket, source, recording, studio, limits).serve()
        finally:
            # The page may be gone, and the server about to end: the recording is kept all the same.
            answer = await asyncio.shield(asyncio.to_thread(_settle, recordings, recording, identity, end))
    objects = len(source.objects)
    with contextlib.suppress(RuntimeError, WebSocketDisconnect):
        media = None if answer.media is None else describe_media(answer.media, objects)
        await socket.send_text(json.dumps({"type": "ended", "media": media, "reason": answer.reason}))
        await socket.close(_NORMAL)


@dataclass(frozen=True, slots=True)
class _Settled:
    media: Media | None
    reason: str | None


def _settle(recordings: Recordings, recording: Recording, identity: str, end: _Ended) -> _Settled:
    if not end.keep or recording.frames == 0:
        recording.discard()
        return _Settled(None, end.reason)
    recording.close()
    try:
        return _Settled(recordings.keep(identity), end.reason)
    except Unfit as error:
        return _Settled(None, str(error))


class _SourcePage:
    """One connection, from its `started` to its end."""

    def __init__(
        self, socket: WebSocket, source: LiveSource, recording: Recording, studio: Studio, limits: Limits
    ) -> None:
        self._socket = socket
        self._source = source
        self._recording = recording
        self._worker = studio.worker
        self._limits = limits
        self._latest: SourceFrame | None = None
        self._arrived = asyncio.Event()
        self._commands: asyncio.Queue[SourceCommand] = asyncio.Queue(_MOST_COMMANDS)
        self._sending = asyncio.Lock()
        self._tracking = asyncio.Lock()

    async def serve(self) -> _Ended:
        """Returns how it ended."""
        tasks = [asyncio.create_task(work()) for work in (self._receive, self._work_on_frames, self._work_on_commands)]
        try:
            await self._say(type="started")
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        except _Ended as end:
            return end
        except (WebSocketDisconnect, RuntimeError):  # RuntimeError: sent to a page that has just gone
            return _Ended(reason="the connection was lost")
        except TimeoutError:
            return _Ended(reason="nothing came for a while")
        except (ValueError, OSError) as error:
            return _Ended(reason=" ".join(str(error).split()))
        except Exception:  # the page hears how it ended, and what was recorded is kept; what went wrong is in the log
            logger.exception("a live source failed")
            return _Ended(reason="internal error")
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        raise AssertionError("tasks end by an exception")

    async def _receive(self) -> None:
        while True:
            # Not wait_for: where a message comes just when the task is cancelled, Python 3.11's goes on with that.
            async with asyncio.timeout(self._limits.idle_seconds):
                message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                raise WebSocketDisconnect(message.get("code", _NORMAL))
            try:
                if message.get("bytes") is not None:
                    await self._take(SourceFrame.decode(message["bytes"]))
                else:
                    self._commands.put_nowait(parse_source_command(message.get("text") or ""))
            except BadCommand as error:
                await self._say(type="error", request=error.request, message=str(error))
            except asyncio.QueueFull:
                raise _Ended(reason="too many commands at once") from None

    async def _take(self, frame: SourceFrame) -> None:
        late, self._latest = self._latest, frame
        self._arrived.set()
        if late is not None:
            await self._say(type="skipped", number=late.number)

    async def _work_on_frames(self) -> None:
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            frame, self._latest = self._latest, None
            if frame is None:
                continue
            about = self._recording.about
            picture = await asyncio.to_thread(decode_jpeg, frame.jpeg, about.width, about.height)
            push = partial(self._source.push, frame.jpeg, picture, frame.seconds)
            async with self._tracking:
                index, masks = await self._in_worker(push, Urgency.TRACKING)
            recording = self._recording
            await self._say_masks(masks)
            length = {"seconds": round(recording.seconds, 3), "bytes": recording.bytes}
            await self._say(type="frame", number=frame.number, frame=index, **length)
            if recording.seconds >= self._limits.source_seconds:
                raise _Ended(reason=f"a recording lasts {self._limits.source_seconds:g} s at most")
            if recording.bytes >= self._limits.source_bytes:
                raise _Ended(reason=f"a recording has {self._limits.source_bytes} bytes at most")
            if recording.frames >= self._limits.frames:
                raise _Ended(reason=f"a recording has {self._limits.frames} frames at most")

    async def _work_on_commands(self) -> None:
        while True:
            command = await self._commands.get()
            if isinstance(command, Finish):
                raise _Ended(keep=command.keep)
            try:
                answer = await self._do(command)
            except ValueError as error:
                await self._say(type="error", request=command.request, message=" ".join(str(error).split()))
            else:
                await self._say(type="done", request=command.request, **answer)

    async def _do(self, command: SourcePrompt | SourceDelete) -> dict[str, Any]:
        if isinstance(command, SourceDelete):
            await self._in_worker(lambda: self._source.delete(command.object))
            await self._say_objects()
            return {}
        async with self._tracking:  # the next frame waits until the object has caught up with the last one
            mask = await self._in_worker(lambda: self._source.prompt(command))
            if command.object is None:
                await self._say_objects()
            await self._say_masks([mask])
            since = self._source.follow(mask.object, command.frame)
            while (later := await self._in_worker(lambda: next(since, None), Urgency.TRACKING)) is not None:
                await self._say_masks([later])
        return {"object": mask.object}

    async def _in_worker(self, task: Callable[[], T], urgency: Urgency = Urgency.COMMAND) -> T:
        return await asyncio.wrap_future(self._worker.submit(urgency, task))

    async def _say_objects(self) -> None:
        await self._say(type="objects", objects=[describe_object(record) for record in self._source.objects])

    async def _say_masks(self, masks: list[MaskMessage]) -> None:
        async with self._sending:
            for mask in masks:
                await self._socket.send_bytes(mask.encode())

    async def _say(self, **message: Any) -> None:
        async with self._sending:
            await self._socket.send_text(json.dumps(message, separators=(",", ":")))
