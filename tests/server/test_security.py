"""Attacks on the server, each of which has to fail."""

from __future__ import annotations

import socket
import struct
import zlib
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import ConnectionClosedError, InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin

from masklet.server.apart import Unfit
from masklet.server.library import MOST_PIECE
from masklet.server.probing import probe_apart
from masklet.server.roots import NotServed, Roots
from masklet.server.settings import Limits

EVIL = "http://evil.example"


def raw(url: str, request: bytes) -> bytes:
    """What the server answers to exactly these bytes."""
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(request)
        answer = b""
        while part := connection.recv(65536):
            answer += part
        return answer


# -- other sites ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "127.0.0.1:1", "evil.example@127.0.0.1", ""])
def test_other_host_names_are_refused(one_server, host: str) -> None:
    """DNS rebinding: another site's name that was made to point here."""
    for path in ("/", "/api/media", "/api/info", "/metrics"):
        assert one_server.http.get(path, headers={"host": host}).status_code == 403
    port = one_server.url.rsplit(":", 1)[1]
    assert one_server.http.get("/api/info", headers={"host": f"LOCALHOST:{port}"}).status_code == 200


def test_a_request_without_a_host_or_with_two_is_refused(one_server) -> None:
    good = one_server.url.removeprefix("http://").encode()
    for headers in (b"", b"Host: evil.example\r\nHost: " + good + b"\r\n"):
        answer = raw(one_server.url, b"GET /api/media HTTP/1.1\r\n" + headers + b"Connection: close\r\n\r\n")
        assert answer.split(b" ")[1] in {b"400", b"403"}


@pytest.mark.parametrize("headers", [{"origin": EVIL}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}])
def test_other_sites_cannot_write(one_server, headers: dict[str, str]) -> None:
    media = one_server.media()
    http = one_server.http
    body = {"root": "clips", "path": "square.mp4"}
    assert http.post("/api/media", json=body, headers=headers).status_code == 403
    assert http.delete(f"/api/media/{media}", headers=headers).status_code == 403
    assert http.post("/api/uploads", json={"name": "a", "size": 1}, headers=headers).status_code == 403
    assert http.put("/api/uploads/abc?offset=0", content=b"x", headers=headers).status_code == 403
    assert http.get(f"/api/media/{media}").status_code == 200
    assert http.post("/api/media", json=body, headers={"origin": one_server.url}).status_code == 200


def test_a_form_of_another_site_is_no_json(one_server) -> None:
    """A form needs no permission of the browser to be sent, and an old browser sends no Origin."""
    for kind in ("text/plain", "application/x-www-form-urlencoded"):
        answer = one_server.http.post(
            "/api/media", content=b'{"root": "clips", "path": "square.mp4"}', headers={"content-type": kind}
        )
        assert answer.status_code == 422


@pytest.mark.parametrize("origin", [EVIL, "null", "http://127.0.0.1", "https://127.0.0.1:1"])
def test_other_sites_cannot_open_the_websocket(one_server, origin: str) -> None:
    media = one_server.media()
    address = f"{one_server.url.replace('http', 'ws')}/api/media/{media}/live"
    with pytest.raises(InvalidStatus) as caught, connect(address, origin=Origin(origin)):
        pass
    assert caught.value.response.status_code == 403
    with pytest.raises(InvalidStatus), connect(address, additional_headers={"Sec-Fetch-Site": "cross-site"}):
        pass


def test_answers_carry_the_headers_that_shut_other_sites_out(one_server) -> None:
    for path, status in (("/api/info", 200), ("/api/nothing", 404), ("/healthz", 200)):
        answer = one_server.http.get(path)
        assert answer.status_code == status
        policy = answer.headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "script-src" not in policy
        assert "unsafe-eval" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "access-control-allow-origin" not in answer.headers
        assert "server" not in answer.headers


# -- paths ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def yard(tmp_path: Path) -> Path:
    """A root with a fence, and things outside of it."""
    root = tmp_path / "root"
    (root / "in").mkdir(parents=True)
    (root / "in" / "clip.mp4").write_bytes(b"x")
    (tmp_path / "secret.mp4").write_bytes(b"secret")
    (tmp_path / "root-too").mkdir()
    (tmp_path / "root-too" / "secret.mp4").write_bytes(b"secret")
    (root / "link.mp4").symlink_to(tmp_path / "secret.mp4")
    (root / "folder").symlink_to(tmp_path / "root-too")
    (root / "loop").symlink_to(root / "loop")
    (root / "within.mp4").symlink_to(root / "in" / "clip.mp4")
    return root


@pytest.mark.parametrize(
    "path",
    [
        "..",
        "../secret.mp4",
        "in/../../secret.mp4",
        "in/..",
        "./in",
        "../root-too/secret.mp4",
        "..\\secret.mp4",
        "in\\clip.mp4",
        "/etc/passwd",
        "//etc/passwd",
        "in//clip.mp4",
        "in/clip.mp4/",
        "C:/secret.mp4",
        "file:secret.mp4",
        "in/clip.mp4\0.png",
        "in/\nclip.mp4",
        "%2e%2e/secret.mp4",
        "link.mp4",
        "folder/secret.mp4",
        "folder",
        "loop",
        "nothing.mp4",
        "in/clip.mp4/more",
        "a" * 5000,
    ],
)
def test_paths_that_lead_out_are_refused(yard: Path, path: str) -> None:
    roots = Roots({"root": yard})
    with pytest.raises(NotServed):
        roots.resolve("root", path)
    with pytest.raises(NotServed):
        roots.resolve("../root", "in/clip.mp4")


def test_paths_within_a_root_are_served_links_among_them(yard: Path) -> None:
    roots = Roots({"root": yard})
    assert roots.resolve("root", "in/clip.mp4") == roots.resolve("root", "within.mp4") == yard / "in" / "clip.mp4"
    assert roots.resolve("root", "") == yard
    assert [entry["name"] for entry in roots.entries("root", "")] == ["in", "within.mp4"]


@pytest.mark.parametrize("path", ["../secret.mp4", "link.mp4", "%2e%2e%2fsecret.mp4", "in/clip.mp4\0", "/etc/passwd"])
def test_no_request_reaches_out_of_a_root(serve, yard: Path, tmp_path: Path, path: str) -> None:
    with serve(tmp_path / "data", roots={"root": yard}) as server:
        opened = server.http.post("/api/media", json={"root": "root", "path": path})
        assert opened.status_code == 404
        listed = server.http.get("/api/files", params={"root": "root", "path": path})
        assert listed.status_code == 404
        assert "secret" not in server.http.get("/api/media").text


@pytest.mark.parametrize(
    "target",
    [
        "/assets/../app.py",
        "/assets/%2e%2e/app.py",
        "/assets/..%2fapp.py",
        "/assets//etc/passwd",
        "/..%2f..%2fetc/passwd",
    ],
)
def test_the_page_s_folder_gives_nothing_else(one_server, target: str) -> None:
    host = one_server.url.removeprefix("http://")
    answer = raw(one_server.url, f"GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    assert answer.split(b" ")[1] in {b"400", b"404"}
    assert b"create_app" not in answer


@pytest.mark.parametrize("number", ["..", "%2e%2e%2fx", "A.part", "a/b", "a\0", "*"])
def test_names_of_uploads_and_exports_are_no_paths(one_server, number: str) -> None:
    for address in (f"/api/uploads/{number}", f"/api/exports/{number}", f"/api/media/{number}"):
        try:
            answer = one_server.http.get(address)
        except httpx.InvalidURL:
            continue
        assert answer.status_code in {404, 405, 422}


# -- bodies and files -------------------------------------------------------------------------------------------------


def test_uploads_are_limited_in_size_from_the_first_word_to_the_last_byte(serve, tmp_path: Path) -> None:
    with serve(tmp_path, limits=Limits(upload_bytes=1000)) as server:
        assert server.http.post("/api/uploads", json={"name": "a", "size": 1001}).status_code == 413
        assert server.http.post("/api/uploads", json={"name": "a", "size": 0}).status_code == 422
        number = server.http.post("/api/uploads", json={"name": "a", "size": 1000}).json()["id"]
        address = f"/api/uploads/{number}?offset=0"
        assert server.http.put(address, content=b"x" * 1001).status_code == 413
        assert server.http.put(address, content=b"x" * (MOST_PIECE + 1)).status_code == 413
        assert server.http.get(f"/api/uploads/{number}").json()["offset"] == 0
        codes = {server.http.post("/api/uploads", json={"name": "a", "size": 1}).status_code for _ in range(80)}
        assert codes == {200, 415}, "unfinished uploads are bounded"


def test_a_body_that_is_too_large_is_refused(one_server) -> None:
    def large():
        for _ in range(10):
            yield b" " * 2**20

    headers = {"content-type": "application/json"}
    assert one_server.http.post("/api/media", content=large(), headers=headers).status_code == 413


def test_a_message_that_is_too_large_ends_the_connection(one_server) -> None:
    with one_server.page(one_server.media()) as page:
        page.socket.send('{"request": 1, "type": "mask", "counts": "' + "0" * 2**25)
        with pytest.raises(ConnectionClosedError, match="1009"):
            page.socket.recv(timeout=30)


def bomb(width: int, height: int) -> bytes:
    """A PNG that says it is huge, and is a few kilobytes."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    rows = zlib.compress(b"\0" * (width // 8 + 1) * min(height, 2000), 9)
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


HLS = b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n"
FILES = {
    "bomb.png": bomb(60000, 60000),
    "playlist.mp4": HLS,
    "playlist.avi": b"ffconcat version 1.0\nfile /etc/passwd\n",
    "manifest.mp4": b'<?xml version="1.0"?><MPD></MPD>',
    "page.png": b"<html><script>alert(1)</script></html>",
    "drawing.jpg": b'<svg xmlns="http://www.w3.org/2000/svg"/>',
    "text.mp4": b"hello\n" * 100,
    "empty.png": b"\0",
    "cut.jpg": b"\xff\xd8\xff\xe0" + b"\0" * 40,
    "noise.mp4": b"\0\0\0\x18ftypmp42" + bytes(range(256)) * 40,
    "noise.mkv": b"\x1a\x45\xdf\xa3" + bytes(range(256)) * 40,
}


@pytest.mark.parametrize("name", FILES)
def test_files_that_are_no_media_are_refused_and_not_kept(one_server, name: str) -> None:
    data = FILES[name]
    http = one_server.http
    number = http.post("/api/uploads", json={"name": name, "size": len(data)}).json()["id"]
    http.put(f"/api/uploads/{number}?offset=0", content=data)
    answer = http.post(f"/api/uploads/{number}/finish")
    assert answer.status_code == 415, answer.text
    assert "/" not in answer.json()["error"].replace("picture/video", ""), "no path of the server is told"
    assert list((one_server.data / "uploads").iterdir()) == []


def test_probing_is_bounded_in_time_and_memory(clips: Path) -> None:
    with pytest.raises(Unfit, match="takes more than"):
        probe_apart(clips / "square.mp4", Limits(probe_seconds=0.01))
    with pytest.raises(Unfit, match=r"ran out of memory|Cannot allocate memory"):
        probe_apart(clips / "square.mp4", Limits(probe_bytes=64 * 2**20))


def test_nothing_secret_is_logged(one_server, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", "masklet.server"):
        one_server.http.get("/api/files?root=clips&path=passw0rd", headers={"authorization": "Bearer t0ken"})
    assert "request" in caplog.text
    whole = "".join(str(vars(record)) for record in caplog.records)
    assert "passw0rd" not in whole
    assert "t0ken" not in whole
