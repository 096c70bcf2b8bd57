"""Coming in: logins, tokens, cookies, and attacks on them."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosedError
from websockets.sync.client import connect
from websockets.typing import Origin

from masklet.server.logs import logging_to_stderr
from masklet.server.settings import Access
from masklet.store import Store
from masklet.store.credentials import new_secret


def ask(server: Any, method: str, path: str, **options: Any) -> httpx.Response:
    """A request of nobody in particular, who keeps no cookies."""
    return httpx.request(method, f"{server.url}{path}", timeout=60, **options)


def try_token(server: Any, token: str, **options: Any) -> httpx.Response:
    return ask(server, "POST", "/api/login", json={"token": token}, **options)


GUARDED = ["/api/info", "/api/media", "/api/projects", "/api/openapi.json", "/metrics", "/api/media/abc/frames/0.jpg"]


def cookie_of(answer: httpx.Response) -> str:
    (morsel,) = SimpleCookie(answer.headers["set-cookie"]).values()
    return morsel.value


@contextmanager
def log_in(url: str, token: str) -> Iterator[httpx.Client]:
    """A browser that has logged in: it sends its cookie, and where a write comes from."""
    with httpx.Client(base_url=url, timeout=60, headers={"origin": url}) as browser:
        assert browser.post("/api/login", json={"token": token}).json() == {"user": "ada"}
        yield browser


def test_nobody_sees_more_than_the_page_without_a_login(one_team) -> None:
    http = one_team.server.http
    for path in GUARDED:
        answer = http.get(path)
        assert (answer.status_code, answer.json()) == (401, {"error": "log in first"}), path
        assert answer.headers["www-authenticate"].startswith("Bearer")
    for method, path in (
        ("POST", "/api/media"),
        ("DELETE", "/api/media/abc"),
        ("PUT", "/api/uploads/a"),
        ("GET", "/x"),
    ):
        assert http.request(method, path).status_code == 401
    assert http.get("/").status_code in {200, 503}
    assert http.get("/healthz").json() == {"status": "ok"}
    assert http.get("/assets/nothing.js").status_code == 404


@pytest.mark.parametrize("path", ["/assets/../api/media", "/assets/%2e%2e/api/media", "//api/media", "/api//media"])
def test_no_spelling_of_a_path_leads_past_the_door(one_team, path: str) -> None:
    answer = one_team.server.http.request("GET", httpx.URL(one_team.server.url).copy_with(raw_path=path.encode()))
    assert answer.status_code in {401, 404}
    assert "[" not in answer.text


def test_a_token_lets_a_program_in(one_team) -> None:
    ada = one_team.members["ada"]
    assert ada.http.get("/api/info").json()["user"] == "ada"
    for scheme in ("bearer", "BEARER"):
        headers = {"authorization": f"{scheme} {ada.token}"}
        assert one_team.server.http.get("/api/info", headers=headers).status_code == 200


def test_a_browser_logs_in_and_out(one_team) -> None:
    server, token = one_team.server, one_team.members["ada"].token
    with log_in(server.url, token) as browser:
        assert browser.get("/api/info").json()["user"] == "ada"
        assert browser.post("/api/projects", json={"name": "Birds"}).status_code == 200
        stolen = dict(browser.cookies)
        assert browser.delete("/api/login").status_code == 204
        assert not browser.cookies
        assert browser.get("/api/info").status_code == 401
    assert ask(server, "GET", "/api/info", cookies=stolen).status_code == 401, "a login that was ended is none"


def test_no_script_and_no_other_site_gets_the_cookie(one_team, serve_team, tmp_path: Path) -> None:
    token = one_team.members["ada"].token
    answer = try_token(one_team.server, token, headers={"origin": one_team.server.url})
    words = {word.strip().lower() for word in answer.headers["set-cookie"].split(";")}
    assert {"httponly", "samesite=strict", "path=/"} <= words
    assert "secure" not in words
    assert answer.headers["cache-control"] == "no-store"
    assert token not in str(answer.headers) + answer.text
    with serve_team(tmp_path, access=Access(secure=True)) as team:
        answer = try_token(team.server, team.members["ada"].token)
        assert answer.headers["set-cookie"].startswith("__Host-masklet=")
        assert "secure" in answer.headers["set-cookie"].lower()


def test_cookies_that_the_server_did_not_make_are_nobody_s(one_team) -> None:
    server, ada, bob = one_team.server, one_team.members["ada"], one_team.members["bob"]
    logins = [cookie_of(try_token(server, one.token)) for one in (ada, bob)]
    swapped = f"{logins[0].partition('.')[0]}.{logins[1].partition('.')[2]}"
    forged = [swapped, logins[0][:-1], logins[0] + "x", logins[0].upper(), new_secret()[0], ada.token, "", '"', "a=b;"]
    for value in forged:
        assert ask(server, "GET", "/api/info", headers={"cookie": f"masklet={value}"}).status_code == 401, value
    assert ask(server, "GET", "/api/info", headers={"cookie": f"masklet={logins[0]}"}).status_code == 200
    assert ask(server, "GET", "/api/info", headers={"authorization": f"Bearer {logins[0]}"}).status_code == 401
    # What says who asks is one thing: a good cookie does not mend a bad token.
    both = {"cookie": f"masklet={logins[0]}", "authorization": "Bearer nonsense"}
    assert ask(server, "GET", "/api/info", headers=both).status_code == 401


def test_a_login_ends_by_itself_and_with_its_user(serve_team, tmp_path: Path) -> None:
    with serve_team(tmp_path, access=Access(login_seconds=2)) as team:
        with log_in(team.server.url, team.members["ada"].token) as browser:
            kept = dict(browser.cookies)
            assert browser.get("/api/info").status_code == 200
            time.sleep(2.1)
            assert ask(team.server, "GET", "/api/info", cookies=kept).status_code == 401
        store = Store(f"sqlite:///{tmp_path / 'masklet.db'}")
        store.accounts.remove_user("bob")
        renewed = store.accounts.renew_token("ada")
        store.close()
        assert team.members["bob"].http.get("/api/info").status_code == 401
        assert team.members["ada"].http.get("/api/info").status_code == 401
        assert team.server.http.get("/api/info", headers={"authorization": f"Bearer {renewed}"}).status_code == 200


@pytest.mark.parametrize("name", ["token", "access_token", "masklet", "authorization"])
def test_a_token_in_an_address_is_refused(one_team, name: str) -> None:
    """Addresses end up in logs and histories."""
    token = one_team.members["ada"].token
    assert ask(one_team.server, "GET", "/api/info", params={name: token}).status_code == 401
    assert ask(one_team.server, "GET", f"/api/info?{name}=Bearer {token}").status_code == 401
    assert ask(one_team.server, "POST", "/api/login", params={name: token}).status_code == 422


def test_another_site_s_page_does_nothing_with_the_cookie(one_team) -> None:
    server = one_team.server
    with log_in(server.url, one_team.members["ada"].token) as browser:
        for headers in ({"origin": "http://evil.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}):
            assert browser.post("/api/projects", json={"name": "x"}, headers=headers).status_code == 403
            assert browser.delete("/api/login", headers=headers).status_code == 403
        cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
        # Neither does one that hides where it comes from.
        answer = ask(server, "POST", "/api/projects", json={"name": "x"}, headers={"cookie": cookie})
        assert (answer.status_code, "Origin" in answer.json()["error"]) == (403, True)
        address = f"{server.url.replace('http', 'ws')}/api/media/abc/live"
        with (
            connect(address, additional_headers={"Cookie": cookie}) as socket,
            pytest.raises(ConnectionClosedError, match="4401"),
        ):
            socket.recv(timeout=30)
        assert [project["name"] for project in browser.get("/api/projects").json() if project["name"] == "x"] == []


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer x"}, {"Cookie": "masklet=x"}])
def test_a_websocket_without_a_login_is_told_to_log_in(one_team, headers: dict[str, str]) -> None:
    with pytest.raises(ConnectionClosedError, match="4401"), one_team.server.page("abc", headers=headers):
        pass


def test_wrong_tokens_run_out(serve_team, tmp_path: Path) -> None:
    access = Access(attempts_at_once=3, attempts_per_minute=0.5)
    with serve_team(tmp_path, access=access) as team:
        server, ada = team.server, team.members["ada"]
        for attempt in range(3):
            assert try_token(server, new_secret()[0]).status_code == 401
            # Somebody who knows their token comes in meanwhile, and does not use attempts up.
            if attempt < 2:
                assert [try_token(server, ada.token).status_code for _ in range(4)] == [200] * 4
        for token in (new_secret()[0], ada.token):
            answer = try_token(server, token)
            assert answer.status_code == 429
            assert 60 < int(answer.headers["retry-after"]) <= 120
        # Programs have attempts of their own, and who is in stays in.
        assert ada.http.get("/api/info").status_code == 200
        wrong = {"authorization": "Bearer x"}
        codes = [ask(server, "GET", "/api/info", headers=wrong).status_code for _ in range(4)]
        assert codes == [401, 401, 401, 429]


def test_many_guesses_at_once_are_many_all_the_same(serve_team, tmp_path: Path) -> None:
    with serve_team(tmp_path, access=Access(attempts_at_once=4, attempts_per_minute=0.1)) as team:
        codes: list[int] = []

        def guess() -> None:
            codes.append(try_token(team.server, new_secret()[0]).status_code)

        threads = [threading.Thread(target=guess) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(codes) == [401] * 4 + [429] * 16


def test_where_requests_come_from_is_believed_of_proxies_only(serve_team, tmp_path: Path) -> None:
    access = Access(attempts_at_once=1, attempts_per_minute=0.1)

    def codes(team) -> list[int]:
        return [
            try_token(team.server, new_secret()[0], headers={"x-forwarded-for": f"203.0.113.{i}"}).status_code
            for i in range(3)
        ]

    with serve_team(tmp_path / "a", access=access) as team:
        assert codes(team) == [401, 429, 429], "nobody gets new attempts by a header"
    with serve_team(tmp_path / "b", access=access, proxies=("127.0.0.1",)) as team:
        assert codes(team) == [401, 401, 401]


def test_requests_of_one_user_run_out_and_come_back(serve_team, tmp_path: Path) -> None:
    access = Access(requests_at_once=5, requests_per_second=4)
    with serve_team(tmp_path, access=access) as team:
        ada, bob = team.members["ada"], team.members["bob"]
        answers = [ada.http.get("/api/info") for _ in range(20)]
        codes = [answer.status_code for answer in answers]
        assert codes[:5] == [200] * 5
        refused = [answer for answer in answers if answer.status_code == 429]
        assert refused
        assert refused[0].json() == {"error": "too many requests"}
        assert refused[0].headers["retry-after"] == "1"
        assert bob.http.get("/api/info").status_code == 200, "others are not held up"
        while ada.http.get("/api/info").status_code == 200:
            pass
        with pytest.raises(ConnectionClosedError, match="4429"), ada.page("abc"):
            pass
        time.sleep(1.1)
        assert ada.http.get("/api/info").status_code == 200


def test_no_token_is_logged(team, capsys: pytest.CaptureFixture[str], clips: Path) -> None:
    ada = team.members["ada"]
    wrong = new_secret()[0]
    with logging_to_stderr():
        with log_in(team.server.url, ada.token) as browser:
            cookie = next(iter(browser.cookies.values()))
            browser.get("/api/media", params={"token": ada.token})
            browser.delete("/api/login")
        try_token(team.server, wrong)
        ask(team.server, "GET", "/api/info", headers={"authorization": f"Bearer {wrong}"})
        media = ada.upload((clips / "square.mp4").read_bytes()).json()["id"]
        with ada.page(media):
            pass
    whole = capsys.readouterr().err
    lines = [json.loads(line) for line in whole.splitlines()]
    assert {"login", "a login was refused", "request"} <= {line["message"] for line in lines}
    assert next(line["user"] for line in lines if line["message"] == "login") == "ada"
    for secret in (ada.token, wrong, cookie):
        assert secret.partition(".")[2] not in whole


def test_an_open_page_ends_with_its_login(serve_team, clips: Path, tmp_path: Path) -> None:
    with serve_team(tmp_path, access=Access(recheck_seconds=0.1)) as team:
        ada = team.members["ada"]
        media = ada.upload((clips / "square.mp4").read_bytes()).json()["id"]
        with ada.page(media) as page:
            page.do("object-add")
            store = Store(f"sqlite:///{tmp_path / 'masklet.db'}")
            store.accounts.renew_token("ada")
            store.close()
            with pytest.raises(ConnectionClosedError, match="4401"):
                page.event("finished")


def test_a_camera_ends_with_its_login(serve_team, tmp_path: Path) -> None:
    with serve_team(tmp_path, access=Access(recheck_seconds=0.1)) as team:
        ada = team.members["ada"]
        address = f"{team.server.url.replace('http', 'ws')}/api/sources"
        with pytest.raises(ConnectionClosedError, match="4401"), connect(address) as socket:
            socket.recv(timeout=30)
        with connect(address, origin=Origin(team.server.url), additional_headers=ada.headers) as socket:
            socket.send(json.dumps({"type": "start", "name": "Camera", "width": 96, "height": 64}))
            assert json.loads(socket.recv(timeout=60))["type"] == "started"
            store = Store(f"sqlite:///{tmp_path / 'masklet.db'}")
            store.accounts.remove_user("ada")
            store.close()
            with pytest.raises(ConnectionClosedError, match="4401"):
                socket.recv(timeout=30)
