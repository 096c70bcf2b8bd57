"""The front of a server with several workers: takes every connection, and hands each request to the worker that has
what it is about. Workers listen on Unix sockets; the front knows nothing but HTTP/1.1, and passes WebSockets on as they
are.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import json
import logging
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import h11

from masklet.server.part import worker_for

logger = logging.getLogger("masklet.server")
_CHUNK = 2**16
_MOST_HEAD = 2**16
_IDLE_SECONDS = 75.0
_CONNECT_SECONDS = 5.0
_PARTING_SECONDS = 2.0
_LOOK_EVERY_SECONDS = 0.1
# Of one connection only, or told by the front itself.
_NOT_PASSED_ON = {b"connection", b"keep-alive", b"proxy-connection", b"te", b"expect", b"x-forwarded-for"}

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Proxies:
    """Reverse proxies, which alone are believed where a request comes from.

    Parameters
    ----------
    names
        Addresses or networks. Raises ValueError for anything else.
    """

    def __init__(self, names: Sequence[str]) -> None:
        try:
            self._networks = [ipaddress.ip_network(name, strict=False) for name in names]
        except ValueError as error:
            raise ValueError(f"expected the address or network of a proxy: {error}") from None

    def client(self, peer: str, forwarded: Sequence[str]) -> str:
        """Where a request comes from: the last address on its way that is no proxy's.

        Parameters
        ----------
        peer
            Who connected.
        forwarded
            The request's X-Forwarded-For headers, each of which may name several addresses.
        """
        way = [part.strip() for header in forwarded for part in header.split(",")]
        while way and self._knows(peer):
            peer = way.pop()
        return peer

    def _knows(self, text: str) -> bool:
        try:
            address: Address = ipaddress.ip_address(text)
        except ValueError:
            return False
        return any(address in network for network in self._networks)


class Front:
    """Passes requests on to workers.

    Parameters
    ----------
    workers
        The Unix sockets on which they listen, by number.
    proxies
        Who is believed where a request comes from.
    """

    def __init__(self, workers: Sequence[Path], proxies: Proxies) -> None:
        self._workers = tuple(workers)
        self._proxies = proxies

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answers all requests of one connection, for `asyncio.start_server`."""
        peer = (writer.get_extra_info("peername") or ("",))[0]
        client = _Side(h11.Connection(h11.SERVER, max_incomplete_event_size=_MOST_HEAD), reader, writer)
        try:
            while await self._answer_one(client, str(peer)):
                client.http.start_next_cycle()
        except (OSError, TimeoutError, h11.RemoteProtocolError, h11.LocalProtocolError, asyncio.IncompleteReadError):
            pass  # whoever it was is gone, or speaks something else
        finally:
            writer.close()

    async def _answer_one(self, client: _Side, peer: str) -> bool:
        """Answers the next request. Returns whether another may follow."""
        async with asyncio.timeout(_IDLE_SECONDS):
            try:
                request = await client.next()
            except h11.RemoteProtocolError as error:
                await _refuse(client, error.error_status_hint, "not a request that can be read")
                return False
        if not isinstance(request, h11.Request):
            return False
        number = worker_for(request.target.decode("ascii"), len(self._workers))
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                worker = await _reach(self._workers[number])
        except (OSError, TimeoutError):
            logger.warning("a worker does not answer", extra={"worker": number})
            await _refuse(client, 503, "this part of the server is being started again: try again in a moment")
            return False
        try:
            if _is_upgrade(request):
                await self._pass_through(client, worker, request, peer)
                return False
            return await self._pass_on(client, worker, request, peer)
        finally:
            worker.close()

    async def _pass_on(self, client: _Side, worker: _Side, request: h11.Request, peer: str) -> bool:
        headers = [*self._headers(request, peer), (b"connection", b"close")]
        await worker.send(h11.Request(method=request.method, target=request.target, headers=headers))
        body = asyncio.create_task(_pass_body(client, worker))
        leaving = asyncio.create_task(_take_back(client, worker, body))
        began = False
        try:
            while True:
                event = await worker.next()
                if isinstance(event, h11.Response):
                    began = True
                    kept = [(name, value) for name, value in event.headers if name not in _NOT_PASSED_ON]
                    if not _is_whole(body):  # no request may follow what will not be read
                        kept.append((b"connection", b"close"))
                    event = h11.Response(status_code=event.status_code, headers=kept, reason=event.reason)
                if isinstance(event, h11.Response | h11.Data | h11.EndOfMessage):
                    await client.send(event)
                if isinstance(event, h11.EndOfMessage):
                    break
                if isinstance(event, h11.ConnectionClosed):
                    return False
        except (OSError, h11.RemoteProtocolError):
            if not began:
                await _refuse(client, 502, "a part of the server failed: try again in a moment")
            return False
        finally:
            leaving.cancel()
            # A worker may refuse a body before it has all of it.
            whole = _is_whole(body)
            body.cancel()
            with contextlib.suppress(asyncio.CancelledError, OSError, h11.ProtocolError):
                await body
        if not whole:
            await _hear_out(client)
        return whole and client.http.our_state is h11.DONE and client.http.their_state is h11.DONE

    async def _pass_through(self, client: _Side, worker: _Side, request: h11.Request, peer: str) -> None:
        """A WebSocket: the request, then whatever either side says, until one of them has nothing more to say."""
        upgrade = [(b"connection", b"upgrade")]
        head = [b"%s %s HTTP/1.1" % (request.method, request.target)]
        head += [b"%s: %s" % header for header in (*self._headers(request, peer), *upgrade)]
        worker.writer.write(b"\r\n".join(head) + b"\r\n\r\n")
        answer = await worker.reader.readuntil(b"\r\n\r\n")
        client.writer.write(answer)
        if not answer.startswith(b"HTTP/1.1 101 "):
            # Not a word more to the worker: it would be a request that has not come through here.
            await _pour(worker.reader, client.writer)
            return
        early, _ = client.http.trailing_data
        worker.writer.write(early)
        ways = [
            asyncio.create_task(_pour(source.reader, target.writer))
            for source, target in ((client, worker), (worker, client))
        ]
        _, left = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for way in left:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)

    def _headers(self, request: h11.Request, peer: str) -> list[tuple[bytes, bytes]]:
        forwarded = [value.decode("latin-1") for name, value in request.headers if name == b"x-forwarded-for"]
        kept = [(name, value) for name, value in request.headers if name not in _NOT_PASSED_ON]
        return [*kept, (b"x-forwarded-for", self._proxies.client(peer, forwarded).encode("latin-1"))]


class _Side:
    """One end of what is passed on: a connection and the protocol's state."""

    def __init__(
        self,
        http: h11.Connection,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        heard: asyncio.StreamWriter | None = None,
    ) -> None:
        self.http = http
        self.reader = reader
        self.writer = writer
        self._heard = heard

    def close(self) -> None:
        self.writer.close()
        if self._heard is not None:
            self._heard.close()

    async def next(self) -> h11.Event:
        """What comes next from there. Raises ConnectionResetError where nothing more may come before an answer."""
        while True:
            event = self.http.next_event()
            if isinstance(event, h11.Event):
                return event
            if event is h11.PAUSED:
                raise ConnectionResetError("a request before the answer to the last one")
            if self.http.they_are_waiting_for_100_continue:
                await self.send(h11.InformationalResponse(status_code=100, headers=[]))
            self.http.receive_data(await self.reader.read(_CHUNK))

    async def send(self, event: h11.Event) -> None:
        data = self.http.send(event)
        if data:
            self.writer.write(data)
            await self.writer.drain()


async def _reach(path: Path) -> _Side:
    """Connects to a worker. It is read from and written to apart: one that refuses a body closes the way there while
    its answer still waits on the way back, and asyncio would end both."""
    ears = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    ears.setblocking(False)
    try:
        await asyncio.get_running_loop().sock_connect(ears, str(path))
        mouth = ears.dup()
    except BaseException:
        ears.close()
        raise
    reader, heard = await asyncio.open_unix_connection(sock=ears, limit=_CHUNK)
    _, writer = await asyncio.open_unix_connection(sock=mouth)
    cast("asyncio.Transport", writer.transport).pause_reading()
    return _Side(h11.Connection(h11.CLIENT), reader, writer, heard)


async def _pass_body(client: _Side, worker: _Side) -> None:
    while True:
        try:
            event = await client.next()
            if not isinstance(event, h11.Data | h11.EndOfMessage):
                raise ConnectionResetError("the client went before its request was whole")
        except (OSError, h11.RemoteProtocolError):
            worker.close()  # which would wait for the rest
            raise
        await worker.send(event)
        if isinstance(event, h11.EndOfMessage):
            return


async def _take_back(client: _Side, worker: _Side, body: asyncio.Task[None]) -> None:
    """Leaves the worker when the client leaves before it has its answer: what nobody waits for need not be done."""
    await asyncio.wait([body])
    while not client.reader.at_eof():
        await asyncio.sleep(_LOOK_EVERY_SECONDS)
    worker.close()


def _is_whole(body: asyncio.Task[None]) -> bool:
    return body.done() and not body.cancelled() and body.exception() is None


async def _pour(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    while data := await source.read(_CHUNK):
        target.write(data)
        await target.drain()


def _is_upgrade(request: h11.Request) -> bool:
    return any(name == b"upgrade" and value.lower() == b"websocket" for name, value in request.headers)


async def _hear_out(client: _Side) -> None:
    """Reads for a while what is still coming, and forgets it: a connection that is closed with bytes unread is reset,
    and its answer may be lost with it (RFC 9112, section 9.6)."""
    with contextlib.suppress(OSError, TimeoutError):
        client.writer.write_eof()
        async with asyncio.timeout(_PARTING_SECONDS):
            while await client.reader.read(2**16):
                pass


async def _refuse(client: _Side, status: int, message: str) -> None:
    body = json.dumps({"error": message}).encode()
    headers = [
        ("content-type", "application/json"),
        ("content-length", str(len(body))),
        ("retry-after", "2"),
        ("connection", "close"),
    ]
    for event in (h11.Response(status_code=status, headers=headers), h11.Data(data=body), h11.EndOfMessage()):
        await client.send(event)
