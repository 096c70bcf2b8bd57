"""Edits of more than a frame in a real browser: effects and ranges in the one history, and projects in the gallery."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from masklet.masks import Rle

playwright_api: Any = pytest.importorskip(
    "playwright.sync_api", reason="needs playwright: pip install -e '.[dev]'", exc_type=ImportError
)
expect = playwright_api.expect

FRAMES, HEIGHT, WIDTH = 8, 64, 96
"""Of the clip in conftest.py."""
NARROW = {"viewport": {"width": 360, "height": 640}, "has_touch": True, "is_mobile": True}


def draw(server: Any, media: str, objects: int = 1) -> None:
    """Objects with a drawn mask in every frame."""
    with server.page(media) as page:
        for number in range(1, objects + 1):
            mask = np.zeros((HEIGHT, WIDTH), np.bool_)
            mask[8 * number : 8 * number + 8, 20:60] = True
            page.do("object-add")
            for frame in range(FRAMES):
                page.do("mask", frame=frame, object=number, counts=Rle.encode(mask).counts.decode())


def open_media(server: Any, tab: Any, media: str) -> None:
    tab.goto(f"{server.url}/#/media/{media}")
    expect(tab.locator(".connection.open")).to_be_attached()
    expect(tab.locator(".stage[data-frame]")).to_be_attached()


def effects_of(server: Any, media: str) -> list[dict[str, Any]]:
    return server.http.get(f"/api/media/{media}/effects").json()["effects"]


def kinds(server: Any, media: str) -> list[str]:
    return [edit["kind"] for edit in server.http.get(f"/api/media/{media}/revisions").json()["revisions"]]


def add_effect(tab: Any, name: str) -> None:
    tab.get_by_role("button", name="Add an effect").click()
    tab.get_by_role("menuitem", name=name, exact=True).click()


def drag(tab: Any, slider: Any, start: float, end: float) -> None:
    """Over a slider, from one share of its width to another, with a rest on the way."""
    box = slider.bounding_box()
    row = box["y"] + box["height"] / 2
    tab.mouse.move(box["x"] + start * box["width"], row)
    tab.mouse.down()
    tab.mouse.move(box["x"] + (start + end) / 2 * box["width"], row, steps=4)
    tab.wait_for_timeout(700)  # longer than the page waits until it saves
    tab.mouse.move(box["x"] + end * box["width"], row, steps=4)
    tab.mouse.up()


def wait_until(tab: Any, holds: Callable[[], bool]) -> None:
    for _ in range(200):
        if holds():
            return
        tab.wait_for_timeout(50)
    pytest.fail("it did not come to hold")


def test_effects_are_undone_in_one_order_with_everything_else(
    server: Any, new_tab: Callable[..., Any], tmp_path: Path
) -> None:
    media = server.media()
    draw(server, media)
    before = len(kinds(server, media))
    tab = new_tab()
    open_media(server, tab, media)
    rows = tab.get_by_role("region", name="Effects").get_by_role("listitem")

    add_effect(tab, "Replace")
    picture = tmp_path / "green.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 99, (60, 60, 3), np.uint8)).save(picture)
    tab.get_by_role("button", name="Picture", exact=True).set_input_files(picture)
    expect(tab.get_by_role("button", name="Without picture")).to_be_visible()
    drag(tab, tab.get_by_role("slider", name="Soft edge"), 0.1, 0.6)
    tab.get_by_role("button", name="New", exact=True).click()
    expect(tab.locator(".lane")).to_have_count(2)
    add_effect(tab, "Text")
    tab.get_by_role("textbox", name="Text").fill("Hare")
    tab.get_by_role("textbox", name="Text").blur()
    slider = tab.get_by_role("slider", name="Size")
    slider.focus()
    for _ in range(2):
        tab.keyboard.press("ArrowRight")
    tab.get_by_role("button", name=re.compile("^Draw Text.* earlier")).click()
    tab.get_by_role("button", name=re.compile("^Remove Replace")).click()
    expect(rows).to_have_count(1)

    expected = [*["effects"] * 3, "object-add", *["effects"] * 6]
    wait_until(tab, lambda: kinds(server, media)[before:] == expected)  # every drag and every key is one step
    (text,) = effects_of(server, media)
    assert (text["text"], text["size"]) == ("Hare", 42)

    edits = server.http.get(f"/api/media/{media}/revisions").json()["revisions"][before - 1 :]
    states = [server.http.get(f"/api/media/{media}/revisions/{edit['id']}").json()["effects"] for edit in edits]
    tab.get_by_role("heading", name="Effects").click()
    for number in range(len(states) - 2, -1, -1):
        tab.keyboard.press("Control+z")
        expect(rows).to_have_count(len(states[number]))
        expect(tab.locator(".lane")).to_have_count(2 if number >= 4 else 1)
        wait_until(tab, lambda at=number: effects_of(server, media) == states[at])
    assert states[0] == []
    assert states[2][0]["picture"] == states[3][0]["picture"]
    for number in range(1, 5):
        tab.get_by_role("button", name="Redo").click()
        expect(rows).to_have_count(len(states[number]))
        wait_until(tab, lambda at=number: effects_of(server, media) == states[at])
    tab.reload()
    expect(rows).to_have_count(1)
    expect(tab.locator(".lane")).to_have_count(2)
    tab.get_by_role("button", name="Undo").click()
    expect(tab.locator(".lane")).to_have_count(1)
    tab.get_by_role("button", name="Undo").click()
    tab.get_by_role("button", name=re.compile("^Replace")).click()
    expect(tab.get_by_role("slider", name="Soft edge")).to_have_value("1")


def test_effects_are_there_after_the_server_was_killed_and_in_another_tab(
    start_app: Callable[[], Any], new_tab: Callable[..., Any]
) -> None:
    tab, other = (new_tab(expected=re.compile("ERR_|WebSocket")) for _ in range(2))
    with start_app() as app:
        (item,) = app.server.http.get("/api/media").json()
        draw(app.server, item["id"])
        for each in (tab, other):
            open_media(app.server, each, item["id"])
        add_effect(tab, "Blur")
        add_effect(tab, "Outline")
        expect(other.get_by_role("button", name="Outline Object 1")).to_be_visible()
        app.kill()
        expect(tab.locator(".connection.open")).to_have_count(0)
        add_effect(tab, "Pixelate")
    with start_app() as app:
        expect(tab.locator(".connection.open")).to_be_attached()
        # What was done while the server was away is done when it is back.
        expect(other.get_by_role("button", name="Pixelate Object 1")).to_be_visible()
        assert [effect["kind"] for effect in effects_of(app.server, item["id"])] == ["blur", "outline", "pixelate"]
        other.get_by_role("button", name="Undo").click()
        expect(tab.get_by_role("button", name="Pixelate Object 1")).to_have_count(0)


@pytest.mark.parametrize("way", ["keys", "buttons"])
def test_a_range_is_cleared_of_one_object_or_of_all(way: str, server: Any, new_tab: Callable[..., Any]) -> None:
    media = server.media()
    draw(server, media, objects=2)
    tab = new_tab(**({} if way == "keys" else NARROW))
    open_media(server, tab, media)
    one, two = (tab.locator(".lane").nth(number) for number in (0, 1))
    field = tab.get_by_role("textbox", name="Frame", exact=True)
    for frame, key, label in ((2, "i", "Range begins here"), (4, "o", "Range ends here")):
        field.fill(str(frame))
        field.press("Enter")
        tab.keyboard.press(key) if way == "keys" else tab.get_by_role("button", name=label).tap()

    def clear(keys: str, name: str) -> None:
        if way == "keys":
            tab.keyboard.press(keys)
            return
        tab.get_by_role("button", name="Clear the range").tap()
        tab.get_by_role("menuitem", name=name).tap()

    def frames(number: int) -> set[int]:
        with server.page(media) as page:
            return {frame for thing, frame in page.shown() if thing == number}

    everything = set(range(FRAMES))
    expect(two).to_have_attribute("aria-label", re.compile("present in frames 0 to 7"))
    clear("Shift+Delete", "Clear Object 2")
    expect(two).to_have_attribute("aria-label", re.compile("present in frames 0 to 1, 5 to 7"))
    expect(tab.get_by_text("Frames 2 to 4 of Object 2 are cleared")).to_be_attached()
    assert (frames(1), frames(2)) == (everything, everything - {2, 3, 4})
    clear("Alt+Delete", "Clear all objects")
    expect(one).to_have_attribute("aria-label", re.compile("present in frames 0 to 1, 5 to 7"))
    assert frames(1) == everything - {2, 3, 4}
    assert kinds(server, media)[-2:] == ["clear", "clear"]
    for _ in range(2):
        tab.get_by_role("button", name="Undo").click()
    expect(one).to_have_attribute("aria-label", re.compile("present in frames 0 to 7"))
    expect(two).to_have_attribute("aria-label", re.compile("present in frames 0 to 7"))
    if way == "keys":
        tab.keyboard.press("?")
        expect(tab.get_by_role("dialog").get_by_text("Clear the object in the range")).to_be_visible()
        expect(tab.get_by_role("dialog").get_by_text("Clear all objects in the range")).to_be_visible()
    else:
        assert tab.evaluate("document.documentElement.scrollWidth") == 360


def log_in(tab: Any, member: Any) -> None:
    tab.goto(f"{member.server.url}/")
    tab.get_by_label("Your token").fill(member.token)
    tab.keyboard.press("Enter")
    expect(tab.get_by_role("heading", name="Media")).to_be_visible()


def test_projects_are_chosen_made_and_renamed(team: Any, new_tab: Callable[..., Any], clips: Path) -> None:
    """With the keyboard alone, but for the file that is uploaded."""
    ada, bob = team.members["ada"], team.members["bob"]
    square = (clips / "square.mp4").read_bytes()
    ada.upload(square, name="first.mp4")
    shared = bob.http.post("/api/projects", json={"name": "Shared"}).json()
    bob.http.post(f"/api/projects/{shared['id']}/members", json={"user": "ada"})
    bob.upload(square, name="shared.mp4", project=shared["id"])
    tab = new_tab(expected=re.compile("401"))
    log_in(tab, ada)
    choice = tab.get_by_role("combobox", name="Project")
    expect(choice.get_by_role("option")).to_have_text(["All projects", "ada", "Shared (bob)"])
    cards = tab.locator(".card-name")
    expect(cards).to_have_text(["shared.mp4", "first.mp4"])
    expect(tab.get_by_role("link", name=re.compile("shared.mp4.* · Shared"))).to_be_visible()

    choice.focus()
    tab.keyboard.press("End")
    expect(cards).to_have_text(["shared.mp4"])
    expect(tab.get_by_text("Members: ada, bob")).to_be_visible()
    expect(tab.get_by_role("button", name="Rename")).to_have_count(0)

    tab.keyboard.press("Tab")
    tab.keyboard.press("Enter")
    dialog = tab.get_by_role("dialog", name="New project")
    expect(dialog).to_be_visible()
    expect(dialog.get_by_role("textbox", name="Name")).to_be_focused()
    tab.keyboard.type("Birds")
    tab.keyboard.press("Enter")
    expect(dialog).to_have_count(0)
    expect(choice.locator("option:checked")).to_have_text("Birds")
    expect(tab.get_by_role("heading", name="Drop a video here")).to_be_visible()
    tab.get_by_label("Videos or images to upload").set_input_files(clips / "square.mp4")
    expect(cards).to_have_text(["square.mp4"])
    birds = next(project for project in ada.http.get("/api/projects").json() if project["name"] == "Birds")
    assert [item["name"] for item in ada.http.get("/api/media").json() if item["project"] == birds["id"]] == [
        "square.mp4"
    ]

    tab.get_by_role("button", name="Rename").focus()
    tab.keyboard.press("Enter")
    name = tab.get_by_role("dialog").get_by_role("textbox", name="Name")
    expect(name).to_have_value("Birds")
    name.fill("Bees")
    tab.keyboard.press("Enter")
    expect(choice.locator("option:checked")).to_have_text("Bees")
    tab.reload()
    expect(choice.locator("option:checked")).to_have_text("Bees")
    expect(cards).to_have_text(["square.mp4"])
    choice.select_option("All projects")
    expect(cards).to_have_text(["square.mp4", "shared.mp4", "first.mp4"])


def test_the_owner_lets_members_in_and_out(team: Any, new_tab: Callable[..., Any], clips: Path) -> None:
    """With the keyboard alone."""
    ada, bob = team.members["ada"], team.members["bob"]
    birds = ada.http.post("/api/projects", json={"name": "Birds"}).json()
    ada.upload((clips / "square.mp4").read_bytes(), project=birds["id"])
    hers, his = (new_tab(expected=re.compile("401|422")) for _ in range(2))
    log_in(hers, ada)
    hers.get_by_role("combobox", name="Project").select_option("Birds")
    hers.get_by_role("button", name="Share").focus()
    hers.keyboard.press("Enter")
    dialog = hers.get_by_role("dialog", name="Members of Birds")
    name = dialog.get_by_role("textbox", name="User name")
    people = dialog.get_by_role("list", name="Members").get_by_role("listitem")
    expect(name).to_be_focused()
    expect(people).to_have_text(["adaowner"])

    hers.keyboard.type("bo")
    hers.keyboard.press("Enter")
    expect(dialog.get_by_role("alert")).to_have_text("there is no user 'bo'")
    expect(name).to_be_focused()
    hers.keyboard.type("b")
    hers.keyboard.press("Enter")
    expect(people).to_have_text(["adaowner", "bob"])
    expect(dialog.get_by_role("status")).to_have_text("bob is a member now")
    expect(dialog.get_by_role("alert")).to_have_count(0)
    expect(name).to_have_value("")

    log_in(his, bob)
    his.get_by_role("combobox", name="Project").select_option("Birds (ada)")
    expect(his.get_by_role("link", name="square.mp4")).to_be_visible()
    expect(his.get_by_text("Members: ada, bob")).to_be_visible()
    expect(his.get_by_role("button", name="Share")).to_have_count(0)

    hers.keyboard.press("Shift+Tab")
    expect(dialog.get_by_role("button", name="Remove bob")).to_be_focused()
    hers.keyboard.press("Enter")
    expect(people).to_have_text(["adaowner"])
    expect(dialog.get_by_role("status")).to_have_text("bob is no member any more")
    expect(name).to_be_focused()
    hers.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    assert [project["name"] for project in bob.http.get("/api/projects").json()] == ["bob"]
    his.reload()
    expect(his.get_by_role("heading", name="Drop a video here")).to_be_visible()


def test_one_project_on_this_machine_is_no_choice(
    serve: Any, serve_team: Any, new_tab: Callable[..., Any], tmp_path: Path
) -> None:
    tab = new_tab()
    with serve(tmp_path) as server:
        server.media()
        tab.goto(f"{server.url}/")
        expect(tab.get_by_role("link", name="square.mp4")).to_be_visible()
        expect(tab.get_by_role("combobox", name="Project")).to_have_count(0)
    with serve_team(tmp_path):
        pass
    with serve(tmp_path) as server:
        tab.goto(f"{server.url}/")
        choice = tab.get_by_role("combobox", name="Project")
        expect(choice.get_by_role("option")).to_have_text(["All projects", "This computer", "ada", "bob"])
        expect(tab.get_by_role("button", name="New project")).to_have_count(0)
        choice.select_option("ada")
        expect(tab.get_by_role("button", name="Share")).to_have_count(0)
        expect(tab.get_by_role("link", name="square.mp4")).to_have_count(0)
        choice.select_option("This computer")
        expect(tab.get_by_role("link", name="square.mp4")).to_be_visible()


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_axe_finds_no_violation_in_projects_and_ranges(
    scheme: str,
    width: int,
    team: Any,
    new_tab: Callable[..., Any],
    violations: Callable[[Any], list[str]],
    clips: Path,
    tmp_path: Path,
) -> None:
    """Pictures of them are kept in pytest's folder, to be looked at."""
    ada = team.members["ada"]
    long = ada.http.post("/api/projects", json={"name": "A project with a name that is longer than a telephone"}).json()
    ada.http.post(f"/api/projects/{long['id']}/members", json={"user": "bob"})
    media = ada.upload((clips / "square.mp4").read_bytes(), project=long["id"]).json()["id"]
    with ada.page(media) as page:
        page.do("object-add")
        page.do("mask", frame=0, object=1, counts=Rle.encode(np.eye(HEIGHT, WIDTH, dtype=bool)).counts.decode())
    tab = new_tab(
        expected=re.compile("401|422"),
        color_scheme=scheme,
        reduced_motion="reduce",
        viewport={"width": width, "height": 720},
    )
    log_in(tab, ada)

    def check(place: str) -> None:
        tab.wait_for_timeout(300)
        shot = tab.screenshot(path=tmp_path / f"{scheme}-{width}-{place}.png")
        assert len(np.unique(np.asarray(Image.open(io.BytesIO(shot)).convert("L")))) > 20
        assert violations(tab) == [], place
        assert tab.evaluate("document.documentElement.scrollWidth") == width, place

    expect(tab.get_by_role("link", name="square.mp4")).to_be_visible()
    tab.get_by_role("combobox", name="Project").select_option(long["name"])
    expect(tab.get_by_text("Members: ada, bob")).to_be_visible()
    check("gallery")
    tab.get_by_role("button", name="New project").click()
    check("new-project")
    tab.keyboard.press("Escape")
    tab.get_by_role("button", name="Share").click()
    tab.get_by_role("dialog").get_by_role("textbox", name="User name").fill("carol")
    tab.keyboard.press("Enter")
    expect(tab.get_by_role("alert")).to_have_text("there is no user 'carol'")
    check("members")
    tab.keyboard.press("Escape")
    tab.get_by_role("link", name="square.mp4").click()
    expect(tab.locator(".connection.open")).to_be_attached()
    expect(tab.locator(".lane")).to_have_count(1)
    tab.keyboard.press("i")
    check("range")
    tab.get_by_role("button", name="Clear the range").click()
    expect(tab.get_by_role("menuitem", name="Clear all objects")).to_be_visible()
    check("range-menu")
