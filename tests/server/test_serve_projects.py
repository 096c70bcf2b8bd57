"""What belongs to whom: a user sees the media of their projects, and nothing of others."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosedError

from masklet.server.settings import Access
from masklet.store import Store

SQUARE = [30.0, 30.0]
NOT_THERE = {"error": "there is no such media"}


@pytest.fixture
def square(clips: Path) -> bytes:
    return (clips / "square.mp4").read_bytes()


@pytest.fixture
def hers(team: Any, square: bytes) -> str:
    """A media of ada's with a mask."""
    ada = team.members["ada"]
    item = ada.upload(square).json()
    with ada.page(item["id"]) as page:
        page.do("object-add", name="Square")
        page.do("prompt", frame=0, object=1, points=[SQUARE], labels=[1])
    return item["id"]


def test_a_user_sees_what_they_uploaded(team, hers: str) -> None:
    ada, bob = team.members["ada"], team.members["bob"]
    (item,) = ada.http.get("/api/media").json()
    (home,) = ada.http.get("/api/projects").json()
    assert (item["id"], item["project"]) == (hers, home["id"])
    assert (home["name"], home["owner"], home["members"]) == ("ada", "ada", ["ada"])
    assert bob.http.get("/api/media").json() == []


def test_media_of_others_are_not_there_whatever_is_asked(team, hers: str) -> None:
    """Every address that the server has about a media, those of later versions too."""
    ada, bob = team.members["ada"], team.members["bob"]
    described = ada.http.get("/api/openapi.json").json()["paths"]
    asked = 0
    for path, methods in described.items():
        if "{media_id}" not in path:
            continue
        for method, media in itertools.product(methods, (hers, "0" * 24)):
            address = re.sub(r"\{\w+\}", "1", path.replace("{media_id}", media))
            answer = bob.http.request(method, address, json={})
            assert (answer.status_code, answer.json()) == (404, NOT_THERE), (method, path)
            asked += 1
    assert asked >= 2 * 8
    assert ada.http.get(f"/api/media/{hers}").status_code == 200


def test_nobody_works_on_the_media_of_others(team, hers: str) -> None:
    with pytest.raises(ConnectionClosedError, match="4404"), team.members["bob"].page(hers):
        pass


def test_uploads_of_others_are_not_there(team, square: bytes) -> None:
    ada, bob = team.members["ada"], team.members["bob"]
    number = ada.http.post("/api/uploads", json={"name": "a.mp4", "size": len(square)}).json()["id"]
    at = f"/api/uploads/{number}"
    assert bob.http.get(at).status_code == 404
    assert bob.http.put(f"{at}?offset=0", content=b"x").status_code == 404
    assert bob.http.post(f"{at}/finish").status_code == 404
    assert ada.http.get(at).json()["offset"] == 0
    media = bob.upload(square).json()["id"]
    assert bob.http.post(f"/api/media/{media}/imports", json={"upload": number}).status_code == 404
    assert ada.http.put(f"{at}?offset=0", content=square).status_code == 200
    assert bob.http.post(f"/api/media/{media}/imports", json={"upload": number}).status_code == 404
    assert ada.http.post(f"{at}/finish").status_code == 200


def test_exports_of_others_are_not_there(team, hers: str) -> None:
    ada, bob = team.members["ada"], team.members["bob"]
    number = ada.http.post(f"/api/media/{hers}/exports", json={"format": "masklet"}).json()["id"]
    while ada.http.get(f"/api/exports/{number}").json()["state"] == "running":
        pass
    for path in (f"/api/exports/{number}", f"/api/exports/{number}/file"):
        assert bob.http.get(path).status_code == 404
        assert ada.http.get(path).status_code == 200


def test_no_folder_of_the_server_is_served(team) -> None:
    ada = team.members["ada"]
    assert ada.http.get("/api/info").json()["roots"] == []
    for root, path in (("clips", "square.mp4"), ("", ""), ("/", "etc/passwd"), ("uploads", "")):
        assert ada.http.post("/api/media", json={"root": root or "x", "path": path}).status_code == 404
        assert ada.http.get("/api/files", params={"root": root or "x", "path": path}).status_code == 404


def test_a_project_is_shared_with_its_members(team, hers: str, square: bytes) -> None:
    ada, bob = team.members["ada"], team.members["bob"]
    birds = ada.http.post("/api/projects", json={"name": "Birds"}).json()
    at = f"/api/projects/{birds['id']}/members"
    refused = bob.upload(square, project=birds["id"])
    assert (refused.status_code, refused.json()["error"]) == (404, "there is no such project")
    # Nobody lets themselves in.
    assert bob.http.post(at, json={"user": "bob"}).status_code == 404
    assert ada.http.post(at, json={"user": "bob"}).status_code == 204
    shared = bob.upload(square, project=birds["id"]).json()
    assert shared["project"] == birds["id"]
    assert {item["id"] for item in ada.http.get("/api/media").json()} == {hers, shared["id"]}
    assert [item["id"] for item in bob.http.get("/api/media").json()] == [shared["id"]]
    # A member sees the project, but does not say who else does.
    assert birds["id"] in {project["id"] for project in bob.http.get("/api/projects").json()}
    assert bob.http.delete(f"{at}/ada").status_code == 403
    assert bob.http.post(at, json={"user": "bob"}).status_code == 403
    assert ada.http.delete(f"{at}/ada").status_code == 422
    assert ada.http.post(at, json={"user": "carol"}).status_code == 422
    assert ada.http.delete(f"{at}/bob").status_code == 204
    assert bob.http.get("/api/media").json() == []
    assert bob.http.get(f"/api/media/{shared['id']}").status_code == 404


def test_the_owner_renames_a_project(team) -> None:
    ada, bob = team.members["ada"], team.members["bob"]
    birds = ada.http.post("/api/projects", json={"name": "Birds"}).json()
    at = f"/api/projects/{birds['id']}"
    assert bob.http.patch(at, json={"name": "Mine"}).status_code == 404
    ada.http.post(f"{at}/members", json={"user": "bob"})
    assert bob.http.patch(at, json={"name": "Mine"}).status_code == 403
    assert ada.http.patch(at, json={"name": ""}).status_code == 422
    renamed = ada.http.patch(at, json={"name": "Bees"}).json()
    assert renamed == birds | {"name": "Bees", "members": ["ada", "bob"]}
    assert renamed in bob.http.get("/api/projects").json()


def test_whoever_sits_at_the_machine_sees_all_projects_and_uploads_into_them(
    serve, serve_team, square: bytes, tmp_path: Path
) -> None:
    with serve_team(tmp_path):
        pass
    with serve(tmp_path) as server:
        found = server.http.get("/api/projects").json()
        assert [(project["name"], project["owner"]) for project in found] == [
            ("This computer", None),
            ("ada", "ada"),
            ("bob", "bob"),
        ]
        assert server.http.post("/api/projects", json={"name": "x"}).status_code == 403
        assert server.http.patch(f"/api/projects/{found[1]['id']}", json={"name": "x"}).status_code == 403
        for project in found[0], found[1]:
            order = {"name": "a.mp4", "size": len(square), "project": project["id"]}
            number = server.http.post("/api/uploads", json=order).json()["id"]
            server.http.put(f"/api/uploads/{number}?offset=0", content=square)
            assert server.http.post(f"/api/uploads/{number}/finish").json()["project"] == project["id"]
        order = {"name": "a.mp4", "size": 9, "project": "0" * 24}
        assert server.http.post("/api/uploads", json=order).status_code == 404


def test_who_loses_a_project_loses_its_open_pages_and_uploads(serve_team, square: bytes, tmp_path: Path) -> None:
    with serve_team(tmp_path, access=Access(recheck_seconds=0.1)) as team:
        ada, bob = team.members["ada"], team.members["bob"]
        (home,) = ada.http.get("/api/projects").json()
        at = f"/api/projects/{home['id']}/members"
        ada.http.post(at, json={"user": "bob"})
        media = ada.upload(square).json()["id"]
        begun = bob.http.post("/api/uploads", json={"name": "b", "size": len(square), "project": home["id"]}).json()
        bob.http.put(f"/api/uploads/{begun['id']}?offset=0", content=square)
        with bob.page(media) as page, ada.page(media) as other:
            page.do("object-add")
            ada.http.delete(f"{at}/bob")
            with pytest.raises(ConnectionClosedError, match="4404"):
                page.event("finished")
            other.do("object-add")
        assert bob.http.post(f"/api/uploads/{begun['id']}/finish").status_code == 404
        assert len(ada.http.get("/api/media").json()) == 1


def test_every_edit_says_who_made_it(team, square: bytes) -> None:
    ada, bob = team.members["ada"], team.members["bob"]
    (home,) = ada.http.get("/api/projects").json()
    ada.http.post(f"/api/projects/{home['id']}/members", json={"user": "bob"})
    media = ada.upload(square).json()["id"]
    with ada.page(media) as hers, bob.page(media) as his:
        hers.do("object-add")
        his.do("prompt", frame=0, object=1, points=[SQUARE], labels=[1])
        hers.do("track", direction="forward", start=0)
        hers.finished()
        his.do("object-change", object=1, name="Square")
        hers.do("undo")
        his.do("clear", frame=3)
    history = bob.http.get(f"/api/media/{media}/revisions").json()
    assert [(edit["kind"], edit["author"]) for edit in history["revisions"]] == [
        ("object-add", "ada"),
        ("prompt", "bob"),
        ("track", "ada"),
        ("object-change", "bob"),
        ("clear", "bob"),
    ]


def test_what_the_app_made_is_given_to_a_user_by_hand(serve, serve_team, tmp_path: Path) -> None:
    with serve(tmp_path) as server:
        media = server.media()
    with serve_team(tmp_path) as team:
        ada = team.members["ada"]
        assert ada.http.get("/api/media").json() == []
        assert ada.http.get(f"/api/media/{media}").status_code == 404
        store = Store(f"sqlite:///{tmp_path / 'masklet.db'}")
        store.accounts.add_member("local", "ada")
        store.close()
        assert [item["id"] for item in ada.http.get("/api/media").json()] == [media]
        assert ada.http.get(f"/api/media/{media}/frames/0.jpg").status_code == 200
