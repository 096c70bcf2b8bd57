"""The front of a server with several workers, against small workers that say what reached them."""

from __future__ import annotations

import asyncio
import json
import socket
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from fastapi import FastAPI, Request, Response, WebSocket
from fastapi.responses import StreamingResponse
from hypothesis import given
from hypothesis import strategies as st
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from masklet.server.front import Front, Proxies
from masklet.server.part import Part, worker_for, worker_of
from masklet.server.running import bind, make_server

COUNT = 3


def of_worker(number: int) -> str:
    """The id of something that belongs to a worker."""
    return Part(number, COUNT).new_id()


# -- who answers ------------------------------------------------------------------------------------------------------


@given(st.text("0123456789abcdef", min_size=1, max_size=30), st.integers(1, 9))
def test_all_that_is_about_a_thing_goes_to_one_worker(identity: str, count: int) -> None:
    number = worker_of(identity, count)
    assert 0 <= number < count
    for path in ("", "/live", "/frames/3.jpg?height=9", "/revisions/2", "?a=/api/media/x"):
        assert worker_for(f"/api/media/{identity}{path}", count) == number
    assert worker_for(f"/api/exports/{identity}/file", count) == number
    assert worker_for(f"/api/uploads/{identity}?offset=3", count) == number


def test_one_name_written_differently_goes_to_one_worker() -> None:
    identity = of_worker(2)
    escaped = "".join(f"%{ord(letter):02x}" for letter in identity)
    assert worker_for(f"/api/media/{escaped}/live", COUNT) == worker_for(f"/api%2Fmedia/{identity}", COUNT) == 2


def test_what_is_about_nothing_goes_to_the_first_worker() -> None:
    for target in (
        "/",
        "/api/media",
        "/api/login",
        "/api/uploads",
        "/api/media/",
        "/metrics",
        "*",
        "/metrics?worker=x",
    ):
        assert worker_for(target, COUNT) == 0
    assert [worker_for(f"/metrics?worker={n}", COUNT) for n in range(5)] == [0, 1, 2, 2, 2]


def test_ids_lead_back_to_who_made_them() -> None:
    for number in range(COUNT):
        made = {of_worker(number) for _ in range(20)}
        assert len(made) == 20
        assert {worker_of(identity, COUNT) for identity in made} == {number}


# -- where requests come from -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("known", "peer", "forwarded", "expected"),
    [
        ([], "192.0.2.1", ["203.0.113.9"], "192.0.2.1"),
        (["192.0.2.1"], "192.0.2.1", ["203.0.113.9"], "203.0.113.9"),
        (["192.0.2.1"], "192.0.2.2", ["203.0.113.9"], "192.0.2.2"),
        # What a client says of itself stands on the left of what its proxy says.
        (["192.0.2.1"], "192.0.2.1", ["198.51.100.1, 203.0.113.9"], "203.0.113.9"),
        (["192.0.2.1"], "192.0.2.1", ["198.51.100.1", "203.0.113.9"], "203.0.113.9"),
        (["192.0.2.0/24"], "192.0.2.1", ["198.51.100.1, 203.0.113.9, 192.0.2.7"], "203.0.113.9"),
        (["192.0.2.1"], "192.0.2.1", [], "192.0.2.1"),
        (["2001:db8::/32"], "2001:db8::1", ["203.0.113.9"], "203.0.113.9"),
        (["192.0.2.1"], "192.0.2.1", ["nonsense"], "nonsense"),
    ],
)
def test_only_proxies_are_believed(known: list[str], peer: str, forwarded: list[str], expected: str) -> None:
    assert Proxies(known).client(peer, forwarded) == expected


def test_what_is_no_address_is_no_proxy() -> None:
    with pytest.raises(ValueError, match="proxy"):
        Proxies(["proxy.example"])


# -- passing on -------------------------------------------------------------------------------------------------------


waited_for, taken_back = threading.Event(), threading.Event()


def small_worker(number: int) -> FastAPI:
    app = FastAPI()

    @app.get("/big")
    async def big() -> StreamingResponse:
        async def parts() -> AsyncIterator[bytes]:
            for i in range(64):
                yield bytes([i]) * 65536

        return StreamingResponse(parts())

    @app.get("/empty")
    async def empty() -> Response:
        return Response(status_code=304, headers={"etag": '"x"'})

    @app.get("/wait")
    async def wait(request: Request) -> None:
        waited_for.set()
        while not await request.is_disconnected():
            await asyncio.sleep(0.01)
        taken_back.set()

    @app.post("/refuse")
    async def refuse() -> Response:
        return Response("too large", status_code=413)

    @app.websocket("/api/media/{media_id}/live")
    async def live(socket: WebSocket, media_id: str) -> None:
        if media_id == of_nobody:
            await socket.close()
            return
        await socket.accept()
        await socket.send_json({"worker": number, "client": socket.client.host if socket.client else None})
        while True:
            message = await socket.receive()
            if message["type"] == "websocket.disconnect":
                return
            if message.get("text") == "end":
                await socket.close(4404, "as you wish")
                return
            await socket.send_bytes(message.get("bytes") or message["text"].encode())

    @app.api_route("/{path:path}", methods=["GET", "POST", "PUT", "HEAD"])
    async def say(request: Request, path: str) -> dict[str, Any]:
        body = await request.body()
        return {
            "worker": number,
            "path": path,
            "query": request.url.query,
            "client": request.client.host if request.client else None,
            "headers": [list(header) for header in request.headers.items()],
            "bytes": len(body),
            "sum": sum(body),
        }

    return app


of_nobody = "0" * 24


@dataclass(frozen=True, slots=True)
class Fronted:
    url: str
    http: httpx.Client
    sockets: list[Path]


@contextmanager
def running_worker(number: int, path: Path) -> Iterator[None]:
    server = make_server(small_worker(number), None, ["*"], path)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(30)


@contextmanager
def running_front(sockets: list[Path], proxies: list[str]) -> Iterator[str]:
    bound = bind(0)
    address = f"http://127.0.0.1:{bound.getsockname()[1]}"
    stops: list[Callable[[], object]] = []
    started = threading.Event()

    async def serve() -> None:
        stopped = asyncio.Event()
        loop = asyncio.get_running_loop()
        stops.append(lambda: loop.call_soon_threadsafe(stopped.set))
        server = await asyncio.start_server(Front(sockets, Proxies(proxies)).serve, sock=bound)
        started.set()
        await stopped.wait()
        server.close()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    assert started.wait(30)
    try:
        yield address
    finally:
        stops[0]()
        thread.join(30)
        assert not thread.is_alive()


@pytest.fixture(scope="module")
def fronted() -> Iterator[Fronted]:
    """Three workers behind a front."""
    # Paths of sockets are short.
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="masklet-")))
        sockets = [folder / f"{number}.sock" for number in range(COUNT)]
        for number, path in enumerate(sockets):
            stack.enter_context(running_worker(number, path))
        url = stack.enter_context(running_front(sockets, []))
        yield Fronted(url, stack.enter_context(httpx.Client(base_url=url, timeout=30)), sockets)


def raw(url: str, request: bytes) -> bytes:
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(request)
        answer = b""
        with suppress(ConnectionResetError):  # it ended before it had read everything
            while part := connection.recv(65536):
                answer += part
        return answer


def test_requests_reach_their_worker_as_they_were_made(fronted: Fronted) -> None:
    for number in (2, 0, 1, 2):
        media = of_worker(number)
        headers = {"cookie": "a=b", "authorization": "Bearer x", "origin": "http://x"}
        said = fronted.http.post(f"/api/media/{media}?a=%20b&c", content=b"abc", headers=headers).json()
        assert (said["worker"], said["path"], said["query"]) == (number, f"api/media/{media}", "a=%20b&c")
        assert (said["bytes"], said["sum"]) == (3, sum(b"abc"))
        assert said["client"] == "127.0.0.1"
        got = dict(said["headers"])
        assert {name: got[name] for name in headers} == headers
        assert got["host"] == fronted.url.removeprefix("http://")


def test_bodies_of_every_size_come_through_both_ways(fronted: Fronted) -> None:
    assert fronted.http.get("/big").content == b"".join(bytes([i]) * 65536 for i in range(64))
    data = bytes(range(256)) * 20_000

    def parts() -> Iterator[bytes]:
        for start in range(0, len(data), 70_000):
            yield data[start : start + 70_000]

    for content in (data, parts(), b""):
        said = fronted.http.put("/x", content=content).json()
        assert (said["bytes"], said["sum"]) in {(len(data), sum(data)), (0, 0)}
    answer = fronted.http.get("/empty")
    assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", '"x"')
    head = fronted.http.head("/x")
    assert (head.status_code, head.content) == (200, b"")


def test_one_connection_carries_requests_for_several_workers(fronted: Fronted) -> None:
    host = fronted.url.removeprefix("http://").encode()
    requests = b"".join(
        b"GET /api/media/%s HTTP/1.1\r\nHost: %s\r\n%s\r\n" % (of_worker(n).encode(), host, last)
        for n, last in ((0, b""), (1, b""), (2, b"Connection: close\r\n"))
    )
    answer = raw(fronted.url, requests)
    assert [answer.index(b'"worker":%d' % n) for n in range(3)] == sorted(
        answer.index(b'"worker":%d' % n) for n in range(3)
    )
    assert answer.count(b"HTTP/1.1 200") == 3


def test_a_worker_hears_that_nobody_waits_any_more(fronted: Fronted) -> None:
    host, port = fronted.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(f"GET /wait HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        assert waited_for.wait(30)
        assert not taken_back.wait(0.5)
    assert taken_back.wait(30)
    assert fronted.http.get("/x").status_code == 200


def test_nobody_says_where_they_come_from(fronted: Fronted) -> None:
    headers = [("x-forwarded-for", "203.0.113.9"), ("X-Forwarded-For", "203.0.113.8")]
    said = fronted.http.get("/x", headers=headers).json()
    assert said["client"] == "127.0.0.1"
    with running_front(fronted.sockets, ["127.0.0.0/8"]) as url:
        assert httpx.get(f"{url}/x", headers=headers).json()["client"] == "203.0.113.8"
        address = f"{url.replace('http', 'ws')}/api/media/{of_worker(1)}/live"
        with connect(address, additional_headers={"X-Forwarded-For": "203.0.113.7"}) as page:
            assert json.loads(page.recv(30)) == {"worker": 1, "client": "203.0.113.7"}


def test_websockets_come_through_both_ways_and_end_as_they_end(fronted: Fronted) -> None:
    for number in range(COUNT):
        address = f"{fronted.url.replace('http', 'ws')}/api/media/{of_worker(number)}/live"
        with connect(address, max_size=None) as page:
            assert json.loads(page.recv(30))["worker"] == number
            for data in (b"x", bytes(range(256)) * 4096, b""):
                page.send(data or "text")
                assert page.recv(30) == (data or b"text")
            page.send("end")
            with pytest.raises(Exception, match=r"4404.*as you wish"):
                page.recv(30)


def test_a_websocket_that_is_refused_leads_nowhere_else(fronted: Fronted) -> None:
    """Behind a refused upgrade there is no way to a worker past the front."""
    with pytest.raises(InvalidStatus), connect(f"{fronted.url.replace('http', 'ws')}/api/media/{of_nobody}/live"):
        pass
    host = fronted.url.removeprefix("http://").encode()
    for path in (f"/api/media/{of_nobody}/live".encode(), b"/x"):
        smuggled = b"GET /smuggled HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 203.0.113.9\r\nConnection: close\r\n\r\n"
        answer = raw(
            fronted.url,
            b"GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            % (path, host)
            + smuggled,
        )
        assert b"smuggled" not in answer
        assert b" 101 " not in answer


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nA: b\nC: d\r\nE : f\r\n\r\n",
    ],
)
def test_what_is_no_request_is_refused(fronted: Fronted, request_bytes: bytes) -> None:
    answer = raw(fronted.url, request_bytes)
    assert answer.split(b" ")[1] in {b"400", b"431", b"501"}
    assert fronted.http.get("/x").status_code == 200


def test_a_head_without_end_is_not_read_to_its_end(fronted: Fronted) -> None:
    answer = raw(fronted.url, b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 300_000 + b"\r\n\r\n")
    assert answer == b"" or answer.split(b" ")[1] == b"431"
    assert fronted.http.get("/x").status_code == 200


def test_a_body_that_is_refused_early_gets_its_answer(fronted: Fronted) -> None:
    answer = fronted.http.post("/refuse", content=b"x" * 3_000_000)
    assert (answer.status_code, answer.text) == (413, "too large")
    assert answer.headers["connection"] == "close"  # else the next request would meet a connection that is being closed
    assert fronted.http.get("/x").status_code == 200


def test_a_client_that_goes_in_the_middle_disturbs_nobody(fronted: Fronted) -> None:
    host, port = fronted.url.removeprefix("http://").split(":")
    for request in (
        b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc",
        b"GET /big HTTP/1.1\r\nHost: x\r\n\r\n",
    ):
        with socket.create_connection((host, int(port)), timeout=30) as connection:
            connection.sendall(request)
            connection.recv(10) if request.startswith(b"GET") else None
    assert fronted.http.get("/x").status_code == 200
    deadline = time.monotonic() + 30
    while opened(fronted.sockets[0]) > 1:  # that of the last request may be about to close
        assert time.monotonic() < deadline, "the front keeps no connection for who is gone"
        time.sleep(0.05)


def opened(path: Path) -> int:
    """How many connections of this process lead to a Unix socket."""
    links = psutil.Process().net_connections("unix")
    return sum(link.laddr == str(path) and link.status != psutil.CONN_LISTEN for link in links) - 1


def test_while_a_worker_is_away_the_others_answer() -> None:
    with tempfile.TemporaryDirectory(prefix="masklet-") as name, ExitStack() as stack:
        folder = Path(name)
        sockets = [folder / f"{number}.sock" for number in range(COUNT)]
        stack.enter_context(running_worker(0, sockets[0]))
        url = stack.enter_context(running_front(sockets, []))
        away = httpx.get(f"{url}/api/media/{of_worker(1)}")
        assert (away.status_code, away.headers["retry-after"]) == (503, "2")
        assert "try again" in away.json()["error"]
        with (
            pytest.raises(InvalidStatus, match="503"),
            connect(f"{url.replace('http', 'ws')}/api/media/{of_worker(1)}/live"),
        ):
            pass
        assert httpx.get(f"{url}/api/media/{of_worker(0)}").json()["worker"] == 0
        with running_worker(1, sockets[1]):
            assert httpx.get(f"{url}/api/media/{of_worker(1)}").json()["worker"] == 1
