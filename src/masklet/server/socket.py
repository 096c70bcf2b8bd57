"""The WebSocket of one page: commands in, answers, masks and changes out."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from fastapi import WebSocket, WebSocketDisconnect

from masklet.server.messages import (
    Ack,
    AnyCommand,
    BadCommand,
    Candidates,
    Choose,
    Clear,
    Cursor,
    EffectsCommand,
    MaskCommand,
    MaskMessage,
    Masks,
    ObjectAdd,
    ObjectChange,
    ObjectDelete,
    ObjectMerge,
    Preview,
    PromptCommand,
    Redo,
    Stop,
    Track,
    Undo,
    parse_command,
)
from masklet.server.metrics import Metrics
from masklet.server.outbox import WINDOW, Outbox, TooSlow
from masklet.server.workbench import Workbench
from masklet.server.worker import Urgency, Worker

logger = logging.getLogger("masklet.server")
_MOST_COMMANDS = 1024
_SERVICE_RESTART = 1012
_POLICY = 1008

Doing = Callable[[Workbench, Any], dict[str, Any]]
_QUICK: dict[type, Doing] = {
    ObjectAdd: Workbench.add_object,
    ObjectChange: Workbench.change_object,
    EffectsCommand: Workbench.set_effects,
}
_IN_WORKER: dict[type, Doing] = {
    ObjectDelete: Workbench.delete_object,
    ObjectMerge: Workbench.merge_objects,
    PromptCommand: Workbench.prompt,
    MaskCommand: Workbench.give_mask,
    Choose: Workbench.choose,
    Clear: Workbench.clear,
    Track: Workbench.track,
    Undo: Workbench.undo,
    Redo: Workbench.redo,
}


class Page:
    """One connection. Commands are done in their order; previews, the cursor, `stop` and `ack` overtake them."""

    def __init__(self, socket: WebSocket, bench: Workbench, worker: Worker, metrics: Metrics) -> None:
        self._socket = socket
        self._bench = bench
        self._worker = worker
        self._metrics = metrics
        self._outbox = Outbox(asyncio.get_running_loop())
        self._commands: asyncio.Queue[AnyCommand] = asyncio.Queue()
        self._preview: Preview | None = None
        self._preview_lock = threading.Lock()
        self._preview_asked = asyncio.Event()
        self._last_request = 0

    async def run(self) -> None:
        """Serves the page until it goes or has to start over. The socket is accepted."""
        live = self._bench.live
        await asyncio.to_thread(live.join, self._outbox)
        self._metrics.pages.inc()
        tasks = [
            asyncio.create_task(work()) for work in (self._receive, self._send, self._work, self._work_on_previews)
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        except WebSocketDisconnect:
            pass
        except TooSlow:
            with contextlib.suppress(RuntimeError, WebSocketDisconnect):
                await self._socket.close(_SERVICE_RESTART, "connect again")
        finally:
            await asyncio.to_thread(live.leave, self._outbox)
            self._metrics.pages.dec()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _receive(self) -> None:
        while True:
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                raise WebSocketDisconnect(message.get("code", 1000))
            text = message.get("text")
            try:
                if text is None:
                    raise BadCommand("expected a JSON text message, got a binary one", None)
                command = parse_command(text)
                if not isinstance(command, Ack):
                    self._count(command.request)
            except BadCommand as error:
                self._answer_error(error.request, str(error))
                continue
            if self._commands.qsize() >= _MOST_COMMANDS:
                await self._socket.close(_POLICY, "too many commands at once")
                return
            self._accept(command)

    def _accept(self, command: AnyCommand) -> None:
        match command:
            case Ack():
                self._outbox.acknowledge(command.sequence)
            case Preview():
                older = self._take_preview(command)
                if older is not None:
                    self._answer(older.request, {})
                self._preview_asked.set()
            case Cursor():
                self._bench.look_at(command.frame)
                self._answer(command.request, {})
            case Stop():
                try:
                    self._answer(command.request, self._bench.stop(command.job))
                except ValueError as error:
                    self._answer_error(command.request, str(error))
            case _:
                self._commands.put_nowait(command)

    def _count(self, request: int) -> None:
        if request <= self._last_request:
            raise BadCommand(f"requests count up: expected more than {self._last_request}, got {request}", None)
        self._last_request = request

    async def _send(self) -> None:
        while True:
            message = await self._outbox.next()
            try:
                if isinstance(message, str):
                    await self._socket.send_text(message)
                else:
                    await self._socket.send_bytes(message)
            except RuntimeError:  # this side has closed the connection, because the visitor may no longer be there
                raise WebSocketDisconnect from None

    async def _work(self) -> None:
        while True:
            await self._do(await self._commands.get())

    async def _work_on_previews(self) -> None:
        while True:
            await self._preview_asked.wait()
            self._preview_asked.clear()
            made = await asyncio.wrap_future(self._worker.submit(Urgency.PREVIEW, self._make_preview))
            if made is None:
                continue
            command, found = made
            if isinstance(found, MaskMessage):
                self._outbox.post(found.encode())
                self._answer(command.request, {})
            elif isinstance(found, ValueError | OSError):
                self._answer_error(command.request, str(found))
            else:
                logger.error("a preview failed", exc_info=found)
                self._answer_error(command.request, "internal error")

    def _make_preview(self) -> tuple[Preview, MaskMessage | Exception] | None:
        """The preview that was asked for last: only when its turn has come is it settled which one that is."""
        command = self._take_preview(None)
        if command is None:
            return None
        try:
            return command, self._bench.preview(command)
        except Exception as error:  # every command has an answer
            return command, error

    def _take_preview(self, following: Preview | None) -> Preview | None:
        with self._preview_lock:
            taken, self._preview = self._preview, following
            return taken

    async def _do(self, command: AnyCommand) -> None:
        began = time.monotonic()
        kind = type(command).__name__
        request = command.request
        assert request is not None
        try:
            answer = await self._result(command)
        except (ValueError, OSError) as error:
            self._metrics.commands.labels(kind, "refused").inc()
            self._answer_error(request, " ".join(str(error).split()))
        except Exception:  # every command has an answer; what went wrong is in the log
            self._metrics.commands.labels(kind, "failed").inc()
            logger.exception("a command failed", extra={"command": kind})
            self._answer_error(request, "internal error")
        else:
            self._metrics.commands.labels(kind, "done").inc()
            self._answer(request, answer)
        self._metrics.command_seconds.labels(kind).observe(time.monotonic() - began)

    async def _result(self, command: AnyCommand) -> dict[str, Any]:
        if isinstance(command, Masks):
            return await self._masks(command)
        if isinstance(command, Candidates):
            return await self._in_worker(lambda: self._candidates(command))
        quick = _QUICK.get(type(command))
        if quick is not None:
            return await asyncio.to_thread(quick, self._bench, command)
        slow = _IN_WORKER[type(command)]
        return await self._in_worker(lambda: slow(self._bench, command))

    def _candidates(self, command: Candidates) -> dict[str, Any]:
        for message in self._bench.candidates(command):
            self._outbox.post(message.encode())
        return {}

    async def _masks(self, command: Masks) -> dict[str, Any]:
        if command.stop < command.start:
            raise ValueError(f"expected start up to stop, got {command.start} and {command.stop}")
        live = self._bench.live
        wanted = await asyncio.to_thread(live.stored, command.start, command.stop)
        for first in range(0, len(wanted), WINDOW):
            await self._outbox.room()
            await asyncio.to_thread(live.send_masks, self._outbox, wanted[first : first + WINDOW])
        return {}

    async def _in_worker(self, task: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        return await asyncio.wrap_future(self._worker.submit(Urgency.COMMAND, task))

    def _answer(self, request: int, answer: dict[str, Any]) -> None:
        self._put({"type": "done", "request": request, **answer})

    def _answer_error(self, request: int | None, message: str) -> None:
        self._put({"type": "error", "request": request, "message": message})

    def _put(self, message: dict[str, Any]) -> None:
        # Posted rather than put: what the worker posted before the answer has to go first.
        self._outbox.post(json.dumps(message, separators=(",", ":")))
