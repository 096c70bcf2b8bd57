from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from masklet.server.lock import sole_server
from masklet.store import Store

Cli = Callable[..., tuple[int, str, str]]


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[tuple[uvicorn.Config, tuple[str, int]]]:
    """Servers that would have run, and where they listen."""
    seen: list[tuple[uvicorn.Config, tuple[str, int]]] = []

    def run(self: uvicorn.Server, sockets: list[socket.socket] | None = None) -> None:
        assert sockets is not None
        seen.append((self.config, sockets[0].getsockname()[:2]))

    monkeypatch.setattr(uvicorn.Server, "run", run)
    return seen


def guard(config: uvicorn.Config) -> dict[str, Any]:
    """What the middleware that knows the server's addresses was told."""
    app: Any = config.app
    return next(layer.kwargs for layer in app.user_middleware if "origins" in layer.kwargs)


def test_users_come_and_go(cli: Cli, tmp_path: Path) -> None:
    where = ("--data", tmp_path / "data")
    code, token, err = cli("serve", "user", "add", "ada", *where)
    assert code == 0
    assert "the token of ada" in err
    assert token.strip() not in err
    store = Store(f"sqlite:///{tmp_path / 'data' / 'masklet.db'}")
    user = store.accounts.user_of_token(token.strip())
    assert user is not None
    assert user.name == "ada"
    assert "ada" in cli("serve", "user", "list", *where)[1]
    renewed = cli("serve", "user", "renew", "ada", *where)[1].strip()
    assert store.accounts.user_of_token(token.strip()) is None
    assert store.accounts.user_of_token(renewed) == user
    assert cli("serve", "user", "remove", "ada", *where)[0] == 0
    assert store.accounts.users() == []
    store.close()


def test_projects_are_listed_and_shared(cli: Cli, tmp_path: Path) -> None:
    where = ("--data", tmp_path)
    cli("serve", "user", "add", "ada", *where)
    assert cli("serve", "project", "share", "local", "ada", *where)[0] == 0
    code, out, _ = cli("serve", "project", "list", *where)
    assert code == 0
    rows = [line.split() for line in out.splitlines()]
    assert ["local", "This", "computer", "-", "ada"] in rows
    assert cli("serve", "project", "unshare", "local", "ada", *where)[0] == 0
    assert ["local", "This", "computer", "-", "-"] in [
        line.split() for line in cli("serve", "project", "list", *where)[1].splitlines()
    ]


def test_what_users_cannot_be_is_one_line(cli: Cli, tmp_path: Path) -> None:
    cli("serve", "user", "add", "ada", "--data", tmp_path)
    for words, expected in (
        (("user", "add", "ada"), "already"),
        (("user", "add", "a b"), "a name has"),
        (("user", "remove", "bob"), "no user 'bob'"),
        (("project", "share", "nothing", "ada"), "no project"),
        (("project", "unshare", "local", "ada"), "no member"),
    ):
        code, _, err = cli("serve", *words, "--data", tmp_path)
        assert (code, expected in err) == (2, True), (words, err)
        assert len(err.strip().splitlines()) == 1


def test_a_server_for_a_team_needs_a_login(cli: Cli, ran: list[Any], tmp_path: Path) -> None:
    code, out, err = cli("serve", "--data", tmp_path, "--port", 0)
    assert code == 0
    ((config, (host, port)),) = ran
    assert host == "127.0.0.1"
    assert f"http://127.0.0.1:{port}/" in out
    assert "nobody can log in yet" in err
    assert "in the clear" not in err
    keeper = config.app.state.doorkeeper
    assert keeper.cookie == "masklet"
    assert config.proxy_headers is False


def test_behind_a_proxy_the_address_is_the_proxy_s(cli: Cli, ran: list[Any], tmp_path: Path) -> None:
    cli("serve", "user", "add", "ada", "--data", tmp_path)
    code, out, err = cli(
        "serve", "--data", tmp_path, "--port", 0, "--origin", "https://Masks.example.org:443/", "--proxy", "127.0.0.1"
    )
    assert (code, err) == (0, "")
    ((config, (_, port)),) = ran
    assert out.startswith("https://masks.example.org/ ")
    assert guard(config)["origins"][:2] == ("https://masks.example.org", f"http://127.0.0.1:{port}")
    assert config.app.state.doorkeeper.cookie == "__Host-masklet"
    assert (config.proxy_headers, config.forwarded_allow_ips) == (True, ["127.0.0.1"])


def test_all_addresses_of_a_machine_need_a_name(cli: Cli, ran: list[Any], tmp_path: Path) -> None:
    code, _, err = cli("serve", "--data", tmp_path, "--port", 0, "--host", "0.0.0.0")
    assert (code, "--origin" in err) == (2, True)
    assert ran == []
    code, _, err = cli(
        "serve", "--data", tmp_path, "--port", 0, "--host", "0.0.0.0", "--origin", "http://masks.example.org:8800"
    )
    assert (code, "in the clear" in err) == (0, True)
    assert ran[0][1][0] == "0.0.0.0"


def test_limits_are_set_on_the_command_line(
    cli: Cli, ran: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from masklet.cli import serving

    seen: list[Any] = []
    make = serving.create_app
    monkeypatch.setattr(
        serving, "create_app", lambda settings, *more: (seen.append(settings), make(settings, *more))[1]
    )
    words = ("--upload-gib", 0.5, "--user-uploads", 3, "--rest-minutes", 2, "--request-rate", 7, "--login-days", 1)
    assert cli("serve", "--data", tmp_path, "--port", 0, *words)[0] == 0
    (settings,) = seen
    assert len(ran) == 1
    assert (settings.limits.upload_bytes, settings.limits.user_uploads) == (2**29, 3)
    assert settings.limits.rest_seconds == 120
    assert (settings.access.requests_per_second, settings.access.login_seconds) == (7, 86400)
    assert settings.roots == {}
    assert cli("serve", "--data", tmp_path, "--port", 0, "--user-uploads", 0)[0] == 2


def test_what_cannot_be_served_to_a_team_is_one_line(cli: Cli, ran: list[Any], tmp_path: Path) -> None:
    for words, expected in (
        (("--origin", "masks.example.org"), "expected an address such as"),
        (("--origin", "https://masks.example.org/page"), "expected an address such as"),
        (("--origin", "https://a:b"), "expected an address such as"),
        (("--host", "no.such.host.invalid"), "no address"),
        (("--proxy", "proxy.example.org"), "address or network of a proxy"),
        (("--workers", 0), "workers"),
        (("--port", 70000), "port"),
        (("--model", "nothing"), "nothing"),
        (("--database", "nonsense"), "URL of a database"),
    ):
        code, _, err = cli("serve", "--data", tmp_path, "--port", 0, *words)
        assert (code, expected in err) == (2, True), (words, err)
        assert len(err.strip().splitlines()) == 1
    assert cli("serve")[0] == 2
    assert ran == []


@pytest.mark.parametrize("command", [("app", "--no-open"), ("serve",)])
def test_a_second_server_on_a_data_folder_is_refused(
    cli: Cli, ran: list[Any], tmp_path: Path, command: tuple[str, ...]
) -> None:
    with sole_server(tmp_path, "http://127.0.0.1:1234"):
        code, _, err = cli(*command, "--port", 0, "--data", tmp_path)
    assert (code, "another server works in" in err, "http://127.0.0.1:1234" in err) == (2, True, True)
    assert ran == []
    assert cli(*command, "--port", 0, "--data", tmp_path)[0] == 0
    assert len(ran) == 1
