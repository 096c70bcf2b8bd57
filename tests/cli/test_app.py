from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from masklet.cli import serving
from masklet.cli.serving import name_roots
from masklet.store import Store

Cli = Callable[..., tuple[int, str, str]]


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Servers that would have run, and addresses that would have been opened."""
    seen: list[Any] = []

    def run(self: uvicorn.Server, sockets: list[socket.socket] | None = None) -> None:
        assert sockets is not None
        seen.append((self.config.loaded_app if self.config.loaded else self.config.app, sockets[0].getsockname()))

    monkeypatch.setattr(uvicorn.Server, "run", run)
    monkeypatch.setattr(serving.webbrowser, "open", seen.append)
    return seen


def test_app_says_where_it_is_and_opens_the_browser(cli: Cli, ran: list[Any], frames: Path, tmp_path: Path) -> None:
    code, out, _ = cli("app", frames, "--port", 0, "--data", tmp_path / "data")
    assert code == 0
    opened, (_, (host, port)) = ran
    assert host == "127.0.0.1"
    assert opened == f"http://127.0.0.1:{port}"
    assert f"{opened}/" in out
    assert (tmp_path / "data" / "masklet.db").is_file()


def test_files_are_opened_and_folders_may_be_looked_into(
    cli: Cli, ran: list[Any], frames: Path, tmp_path: Path
) -> None:
    words = ("app", frames / "shot 1.png", frames, "--port", 0, "--no-open", "--data", tmp_path / "data")
    assert cli(*words)[0] == 0
    assert cli(*words)[0] == 0
    assert len(ran) == 2, "no browser"
    store = Store(f"sqlite:///{tmp_path / 'data' / 'masklet.db'}")
    (media,) = store.media()
    assert (media.name, media.kind, media.uploaded) == ("shot 1.png", "image", False)
    store.close()


def test_roots_of_one_name_are_told_apart(tmp_path: Path) -> None:
    for place in ("a/clips", "b/clips", "c"):
        (tmp_path / place).mkdir(parents=True)
    folders = [tmp_path / "a" / "clips", tmp_path / "b" / "clips", tmp_path / "c", tmp_path / "a" / ".." / "c"]
    assert name_roots(folders) == {
        "clips": tmp_path / "a" / "clips",
        "clips 2": tmp_path / "b" / "clips",
        "c": tmp_path / "c",
    }


def test_what_cannot_be_served_is_one_line(cli: Cli, ran: list[Any], tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no media")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        for words, expected in (
            (("nothing.mp4",), "nothing.mp4"),
            ((tmp_path / "notes.txt",), "judged by its content"),
            (("--port", taken.getsockname()[1]), "cannot listen on port"),
            (("--port", 70000), "port"),
            (("--model", "nothing"), "nothing"),
            (("--device", "nothing"), "cannot use the device"),
            (("--database", "nonsense"), "URL of a database"),
        ):
            code, _, err = cli("app", "--no-open", "--data", tmp_path / "data", *words)
            assert code == 2, words
            assert expected in err
            assert len(err.strip().splitlines()) == 1
    code, _, err = cli("app", "--no-open", "--data", tmp_path / "notes.txt")
    assert (code, "is a file" in err) == (2, True)
    assert ran == []
