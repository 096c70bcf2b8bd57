"""What one user, and all together, may take."""

from __future__ import annotations

import base64
import gc
import io
import re
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from websockets.exceptions import ConnectionClosedError

from masklet.media import Clip
from masklet.model.sam2 import Sam2
from masklet.server.rates import Rates, neighbourhood
from masklet.server.settings import Limits
from masklet.server.studio import MakeSession
from masklet.server.tally import Tally
from masklet.session import VideoSession
from masklet.session.features import FeatureStore

SQUARE = [30.0, 30.0]
FRAMES = 8


@pytest.fixture
def square(clips: Path) -> bytes:
    return (clips / "square.mp4").read_bytes()


def gauge(http: Any, name: str) -> int:
    found = re.search(rf"^masklet_{name} (.*)$", http.get("/metrics").text, re.MULTILINE)
    assert found is not None
    return int(float(found.group(1)))


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


# -- rates ------------------------------------------------------------------------------------------------------------


def test_a_bucket_empties_and_fills_again() -> None:
    now = [0.0]
    rates = Rates(Tally(), "requests", 2, 3, lambda: now[0])
    assert [rates.take("a") for _ in range(4)] == [0, 0, 0, 0.5]
    assert rates.take("b") == 0, "everybody has their own"
    now[0] = 0.25
    assert rates.take("a") == 0.25
    now[0] = 0.5
    assert (rates.take("a"), rates.take("a")) == (0, 0.5)
    rates.give_back("a")
    assert rates.take("a") == 0
    now[0] = 100
    assert [rates.take("a") > 0 for _ in range(4)] == [False, False, False, True], "no more than a full bucket"
    for _ in range(9):
        rates.give_back("a")
    assert [rates.take("a") > 0 for _ in range(4)] == [False, False, False, True]


def test_buckets_take_a_bounded_place() -> None:
    now, tally = [0.0], Tally()

    def kept() -> int:
        with tally.turn() as database:
            return database.execute("SELECT count(*) FROM buckets").fetchone()[0]

    rates = Rates(tally, "requests", 1, 1, lambda: now[0])
    Rates(tally, "logins", 1, 1, lambda: now[0]).take("mine")
    for key in range(2**16 + 3000):
        now[0] += 1e-6
        rates.take(key)
    assert 2**16 <= kept() <= 2**16 + 1002
    assert rates.take(2**16 + 2999) > 0, "the newest are kept"
    now[0] += 2
    for key in range(1001):
        rates.take(-key)
    assert kept() <= 1002, "what is full again is forgotten"


def test_a_network_of_ipv6_is_one_address() -> None:
    assert neighbourhood("2001:db8:1:2:3::4") == neighbourhood("2001:db8:1:2:ffff::") == "2001:db8:1:2::/64"
    assert neighbourhood("2001:db8:1:3::4") != neighbourhood("2001:db8:1:2::4")
    assert neighbourhood("::ffff:192.0.2.1") == neighbourhood("192.0.2.1") == "192.0.2.1"
    assert neighbourhood("192.0.2.1") != neighbourhood("192.0.2.2")
    assert neighbourhood("fe80::1%eth0") == "fe80::/64"
    assert neighbourhood("") == ""


# -- uploads ----------------------------------------------------------------------------------------------------------


def test_uploads_of_one_user_are_limited_together(serve_team, square: bytes, tmp_path: Path) -> None:
    size = len(square)
    with serve_team(tmp_path, limits=Limits(user_bytes=2 * size + 10)) as team:
        ada, bob = team.members["ada"], team.members["bob"]
        first = ada.upload(square).json()["id"]
        # What was only begun counts as well.
        assert ada.http.post("/api/uploads", json={"name": "a", "size": size}).status_code == 200
        refused = ada.http.post("/api/uploads", json={"name": "a", "size": 11})
        assert refused.status_code == 413
        assert "together" in refused.json()["error"]
        assert ada.http.post("/api/uploads", json={"name": "a", "size": 10}).status_code == 200
        assert bob.upload(square).status_code == 200, "others have their own"
        ada.http.delete(f"/api/media/{first}")
        assert ada.http.post("/api/uploads", json={"name": "a", "size": size}).status_code == 200


def picture(seed: int) -> str:
    """A data: address of noise, a little more than 4 kB."""
    pixels = np.random.default_rng(seed).integers(0, 255, (32, 32, 3), np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()


def replace(seed: int, **fields: Any) -> dict[str, Any]:
    return {"kind": "replace", "target": "background", "picture": picture(seed), **fields}


def test_pictures_among_effects_count_with_the_uploads_of_who_brings_them(
    serve_team, square: bytes, tmp_path: Path
) -> None:
    size, each = len(square), len(picture(1))
    assert each == len(picture(2))
    room = 2 * size + each + 10
    with serve_team(tmp_path, limits=Limits(user_bytes=room, user_uploads=2)) as team:
        ada, bob = team.members["ada"], team.members["bob"]
        media = ada.upload(square).json()["id"]
        assert ada.upload(square).status_code == 200
        address = f"/api/media/{media}/effects"

        def edits() -> int:
            return len(ada.http.get(f"/api/media/{media}/revisions").json()["revisions"])

        with ada.page(media) as page:
            page.do("effects", effects=[replace(1)])
            together = f"your uploads may have {room} bytes together, with this one they have {room - 10 + each}"
            assert page.refused("effects", effects=[replace(2)]) == together
            assert page.refused("effects", effects=[replace(1), replace(2)], gesture="drag") == together
            answer = ada.http.put(address, json={"effects": [replace(2)]})
            assert (answer.status_code, answer.json()) == (413, {"error": together})
            assert edits() == 1, "what is refused changes nothing"
            # What is kept already may be used on.
            page.do("effects", effects=[replace(1), replace(1, feather=3)], gesture="drag")
            page.do("effects", effects=[])
            page.do("undo")
            assert page.refused("effects", effects=[replace(2)]) == together
        home = ada.http.get("/api/projects").json()[0]["id"]
        ada.http.post(f"/api/projects/{home}/members", json={"user": "bob"})
        assert bob.http.put(address, json={"effects": [replace(2)]}).status_code == 200, "others have their own"
        ada.http.delete(f"/api/media/{media}")
        assert ada.http.post("/api/uploads", json={"name": "a", "size": size + each + 10}).status_code == 200


def test_uploads_find_no_room_where_pictures_among_effects_are(serve_team, square: bytes, tmp_path: Path) -> None:
    size, each = len(square), len(picture(1))
    with serve_team(tmp_path, limits=Limits(user_bytes=2 * size + each)) as team:
        ada = team.members["ada"]
        media = ada.upload(square).json()["id"]
        assert ada.http.put(f"/api/media/{media}/effects", json={"effects": [replace(1)]}).status_code == 200
        refused = ada.http.post("/api/uploads", json={"name": "a", "size": size + 1})
        assert (refused.status_code, "together" in refused.json()["error"]) == (413, True)
        begun = ada.http.post("/api/uploads", json={"name": "a", "size": size})
        assert begun.status_code == 200
        # What was only begun counts for pictures as well.
        assert ada.http.put(f"/api/media/{media}/effects", json={"effects": [replace(2)]}).status_code == 413


def test_the_number_of_uploads_of_one_user_is_limited(serve_team, square: bytes, tmp_path: Path) -> None:
    with serve_team(tmp_path, limits=Limits(user_uploads=2)) as team:
        ada, bob = team.members["ada"], team.members["bob"]
        first = ada.upload(square).json()["id"]
        assert ada.upload(square).status_code == 200
        refused = ada.upload(square)
        assert (refused.status_code, "2 uploads" in refused.json()["error"]) == (413, True)
        assert bob.upload(square).status_code == 200
        ada.http.delete(f"/api/media/{first}")
        assert ada.upload(square).status_code == 200


def test_unfinished_uploads_of_one_user_hold_up_nobody_else(team, square: bytes) -> None:
    ada, bob = team.members["ada"], team.members["bob"]
    codes = [ada.http.post("/api/uploads", json={"name": "a", "size": 9}).status_code for _ in range(70)]
    assert codes == [200] * 64 + [415] * 6
    assert bob.upload(square).status_code == 200


# -- pages and sessions -----------------------------------------------------------------------------------------------


def test_pages_and_media_of_one_user_are_limited(serve_team, square: bytes, tmp_path: Path) -> None:
    with serve_team(tmp_path, limits=Limits(user_media=2, user_pages=3)) as team:
        ada, bob = team.members["ada"], team.members["bob"]
        media = [ada.upload(square).json()["id"] for _ in range(3)]
        theirs = bob.upload(square).json()["id"]
        with ada.page(media[0]):
            with ada.page(media[1]):
                with pytest.raises(ConnectionClosedError, match=r"4429.*2 media open"), ada.page(media[2]):
                    pass
                with (
                    ada.page(media[0]),
                    pytest.raises(ConnectionClosedError, match=r"4429.*3 pages open"),
                    ada.page(media[0]),
                ):
                    pass
                with bob.page(theirs):
                    pass
            wait_until(lambda: opens(ada, media[2]))


def opens(member: Any, media: str) -> bool:
    """Whether a page opens; the server hears of pages that went a moment later."""
    try:
        with member.page(media):
            return True
    except ConnectionClosedError:
        return False


def test_media_in_use_are_limited_over_all_users(serve_team, square: bytes, tmp_path: Path) -> None:
    with serve_team(tmp_path, limits=Limits(live_media=2)) as team:
        ada, bob = team.members["ada"], team.members["bob"]
        media = [ada.upload(square).json()["id"] for _ in range(3)]
        theirs = bob.upload(square).json()["id"]
        with ada.page(media[0]) as page:
            with ada.page(media[1]):
                with pytest.raises(ConnectionClosedError, match=r"4429.*in use"), bob.page(theirs):
                    pass
                page.do("object-add")
            # What nobody has open any more makes room.
            wait_until(lambda: opens(bob, theirs))
            assert gauge(ada.http, "live_media") == 2
            page.do("object-add")


@pytest.fixture
def sessions() -> list[weakref.ref[VideoSession]]:
    return []


@pytest.fixture
def load(model: Sam2, sessions: list[weakref.ref[VideoSession]]) -> Callable[[], MakeSession]:
    """Loads the model, and notes every session that is made."""

    def loaded() -> MakeSession:
        def make(clip: Clip | None, features: FeatureStore) -> VideoSession:
            session = VideoSession(model, clip, features=features)
            sessions.append(weakref.ref(session))
            return session

        return make

    return loaded


def test_a_session_that_is_not_worked_on_gives_its_memory_back_and_comes_back(
    serve_team, square: bytes, load, sessions: list[weakref.ref[VideoSession]], tmp_path: Path
) -> None:
    """The page stays open all the while."""
    with serve_team(tmp_path, load=load, limits=Limits(rest_seconds=0.3)) as team:
        ada = team.members["ada"]
        media = ada.upload(square).json()["id"]
        with ada.page(media) as page:
            page.do("object-add")
            page.do("prompt", frame=0, object=1, points=[SQUARE], labels=[1])
            shown = page.shown()
            wait_until(lambda: gauge(ada.http, "sessions") == 0)
            wait_until(lambda: gauge(ada.http, "feature_bytes") == 0)
            assert gauge(ada.http, "live_media") == 1
            gc.collect()
            assert [session() for session in sessions] == [None]
            assert page.shown() == shown
            page.do("track", direction="forward", start=0)
            page.finished()
            assert len(sessions) >= 2
            assert [event["type"] for event in page.events].count("hello") == 1, "the page noticed nothing"
            tracked = page.shown()
            assert len(tracked) == FRAMES
            assert shown.items() <= tracked.items()
            page.do("undo")
            assert page.shown() == shown


def test_a_session_that_is_worked_on_does_not_rest(
    serve_team, square: bytes, load, sessions: list[weakref.ref[VideoSession]], tmp_path: Path
) -> None:
    with serve_team(tmp_path, load=load, limits=Limits(rest_seconds=2)) as team:
        ada = team.members["ada"]
        media = ada.upload(square).json()["id"]
        with ada.page(media) as page:
            page.do("object-add")
            deadline = time.monotonic() + 5
            while time.monotonic() < deadline:
                page.do("prompt", frame=0, object=1, points=[SQUARE], labels=[1], fresh=True)
                time.sleep(0.2)
            assert len(sessions) == 1


# -- bodies -----------------------------------------------------------------------------------------------------------


def test_bodies_and_messages_are_as_large_as_the_settings_say(serve_team, square: bytes, tmp_path: Path) -> None:
    with serve_team(tmp_path, limits=Limits(body_bytes=100_000, message_bytes=2000)) as team:
        ada = team.members["ada"]
        answer = ada.http.post("/api/projects", content=b" " * 200_000, headers={"content-type": "application/json"})
        assert answer.status_code == 413
        assert ada.http.post("/api/projects", json={"name": "x"}).status_code == 200
        media = ada.upload(square).json()["id"]
        with ada.page(media) as page:
            page.do("object-add")
            page.socket.send('{"request": 5, "type": "mask", "counts": "' + "0" * 3000)
            with pytest.raises(ConnectionClosedError, match="1009"):
                page.event("finished")


def test_a_login_is_as_small_as_it_needs_to_be(one_team) -> None:
    http = one_team.server.http
    assert http.post("/api/login", json={"token": "x" * 201}).status_code == 422
    assert http.post("/api/login", json={"token": ["x"]}).status_code == 422
    large = http.post("/api/login", content=b" " * (9 * 2**20), headers={"content-type": "application/json"})
    assert large.status_code == 413
