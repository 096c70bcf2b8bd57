"""The page in a real browser, against a real server: what people do with it, end to end."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from masklet.export import apply_effects, effects_from_json
from masklet.export.effects import Pixelate, Replace
from masklet.export.masklet_json import read_masklet_json
from masklet.masks import Rle
from masklet.media import open_clip
from masklet.server.settings import Access

playwright_api: Any = pytest.importorskip(
    "playwright.sync_api", reason="needs playwright: pip install -e '.[dev]'", exc_type=ImportError
)
expect = playwright_api.expect

FRAMES, HEIGHT, WIDTH = 8, 64, 96
"""Of the clip in conftest.py."""
ON_SQUARE = (30, 30)
MARGIN = 16
"""CSS pixels that the page leaves around a picture that fits the stage."""

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Editor:
    """A tab with an open editor; places are pixels of the frame."""

    tab: Any

    @property
    def lane(self) -> Any:
        return self.tab.locator(".lane").first

    def wait_for(self, words: str) -> None:
        """Until the first object's lane says so."""
        expect(self.lane).to_have_attribute("aria-label", re.compile(words))

    def wait_for_frame(self, frame: int) -> None:
        """Until this frame is on the stage."""
        expect(self.tab.locator(".stage")).to_have_attribute("data-frame", str(frame))

    def spot(self, x: float, y: float) -> tuple[float, float]:
        """Where the middle of a pixel of the frame is in the tab."""
        box = self.tab.locator(".stage").bounding_box()
        margin = MARGIN if box["width"] >= 500 else 0
        scale = min((box["width"] - 2 * margin) / WIDTH, (box["height"] - 2 * margin) / HEIGHT)
        left = box["x"] + (box["width"] - WIDTH * scale) / 2
        top = box["y"] + (box["height"] - HEIGHT * scale) / 2
        return left + (x + 0.5) * scale, top + (y + 0.5) * scale

    def click(self, x: float, y: float) -> None:
        self.tab.mouse.click(*self.spot(x, y))

    def click_object(self) -> None:
        """Makes an object by a click on the square, and keeps its first mask."""
        self.click(*ON_SQUARE)
        self.wait_for("prompted in frames 0")
        choice = self.tab.get_by_role("toolbar", name="What the click means")
        expect(choice).to_be_visible()
        self.tab.keyboard.press("Escape")
        expect(choice).to_have_count(0)

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        self.tab.mouse.move(*self.spot(*start))
        self.tab.mouse.down()
        self.tab.mouse.move(*self.spot(*end), steps=5)
        self.tab.mouse.up()

    def go_to(self, frame: int) -> None:
        field = self.tab.get_by_role("textbox", name="Frame", exact=True)
        field.fill(str(frame))
        field.press("Enter")
        self.wait_for_frame(frame)

    def picture(self) -> Pixels:
        """The middles of the frame's pixels as they are on the screen, HxWx3."""
        # The pointer, its preview and the candidates are not part of the picture.
        self.tab.mouse.move(2, 2)
        self.tab.wait_for_timeout(300)
        shot = np.asarray(Image.open(io.BytesIO(self.tab.screenshot())).convert("RGB"))
        rows = [round(self.spot(0, y)[1]) for y in range(HEIGHT)]
        columns = [round(self.spot(x, 0)[0]) for x in range(WIDTH)]
        return shot[np.ix_(rows, columns)]


Open = Callable[..., Editor]

CARD = """
  // The processor that imitates a graphics card passes for one.
  const { getParameter } = WebGL2RenderingContext.prototype;
  WebGL2RenderingContext.prototype.getParameter = function (name) {
    const UNMASKED_RENDERER = 0x9246;
    return name === UNMASKED_RENDERER ? "a card" : getParameter.call(this, name);
  };
"""


@pytest.fixture
def open_editor(server: Any, new_tab: Callable[..., Any]) -> Open:
    """Opens the clip from the gallery in a new tab; where there is to be a graphics card (`card`), WebGL paints."""

    def make(*, card: bool = False, **options: Any) -> Editor:
        server.media()
        tab = new_tab(**options)
        if card:
            tab.add_init_script(CARD)
        tab.goto(f"{server.url}/")
        tab.get_by_role("link", name="square.mp4").click()
        expect(tab.locator(".connection.open")).to_be_attached()
        expect(tab.locator(".stage[data-layer]")).to_be_attached()
        editor = Editor(tab)
        editor.wait_for_frame(0)
        return editor

    return make


def stored(server: Any) -> dict[tuple[int, int], bytes]:
    """The server's masks of its newest media, by object and frame."""
    with server.page(server.http.get("/api/media").json()[0]["id"]) as page:
        return page.shown()


def decode(counts: bytes) -> NDArray[np.bool_]:
    return Rle(HEIGHT, WIDTH, counts).decode()


def clear_of(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Pixels that no edge of the mask, no mark of the click and no control of the page is near to."""
    kernel = np.ones((5, 5), np.uint8)
    edge = cv2.dilate(mask.astype(np.uint8), kernel) != cv2.erode(mask.astype(np.uint8), kernel)
    clear = ~edge
    x, y = ON_SQUARE
    clear[y - 4 : y + 5, x - 4 : x + 5] = False
    clear[:12], clear[-12:] = False, False
    return clear


def test_open_click_track_correct_undo_export(server: Any, open_editor: Open, tmp_path: Path) -> None:
    editor = open_editor()
    tab = editor.tab
    before = editor.picture()

    editor.click_object()
    mask = decode(stored(server)[1, 0])
    x, y = ON_SQUARE
    assert mask[y, x], "the mask is where the click was"
    changed = np.abs(editor.picture().astype(int) - before).max(axis=2) > 12
    clear = clear_of(mask)
    assert (mask & clear).any()
    assert (~mask & clear).any()
    assert np.array_equal(changed[clear], mask[clear]), "the screen shows this mask, and nothing else"

    tab.keyboard.press("t")
    expect(tab.get_by_text("Tracking is done")).to_be_attached()
    tracked = stored(server)
    assert set(tracked) == {(1, frame) for frame in range(FRAMES)}

    editor.go_to(5)
    inside = np.argwhere(decode(tracked[1, 5]))
    row, column = (int(value) for value in inside[len(inside) // 2])
    tab.keyboard.press("e")
    editor.drag((column - 1, row), (column + 1, row))
    editor.wait_for("edited in frames 5")
    corrected = stored(server)
    assert not decode(corrected[1, 5])[row, column]
    assert {key for key in tracked if tracked[key] != corrected[key]} == {(1, 5)}

    tab.keyboard.press("Control+z")
    expect(editor.lane).not_to_have_attribute("aria-label", re.compile("edited"))
    assert stored(server) == tracked
    tab.keyboard.press("Control+Shift+z")
    editor.wait_for("edited in frames 5")

    tab.get_by_role("button", name="Export").click()
    with tab.expect_download() as download:
        tab.get_by_role("dialog").get_by_role("button", name="Export", exact=True).click()
    download.value.save_as(tmp_path / "masklet.json")
    (masklet,) = read_masklet_json(tmp_path / "masklet.json").masklets
    assert {(1, frame): masklet[frame].rle.counts for frame in masklet.frames} == corrected


def test_a_page_that_rests_paints_nothing(open_editor: Open) -> None:
    """Even a hidden thing that moves is painted at every refresh: a tenth of a core, without a graphics card."""
    editor = open_editor()
    editor.click_object()
    moving = "document.getAnimations().filter(({ playState }) => playState === 'running').map((it) => it.animationName)"
    for _ in range(100):
        if not (left := editor.tab.evaluate(moving)):
            break
        editor.tab.wait_for_timeout(50)
    assert left == []


def test_one_undo_takes_a_new_object_and_its_click_back(open_editor: Open) -> None:
    editor = open_editor()
    editor.click_object()
    editor.tab.keyboard.press("Control+z")
    expect(editor.tab.locator(".lane")).to_have_count(0)
    editor.tab.keyboard.press("Control+Shift+z")
    editor.wait_for("prompted in frames 0")


def test_a_reload_in_the_middle_loses_nothing(open_editor: Open) -> None:
    editor = open_editor()
    editor.click_object()
    before = editor.picture()
    editor.go_to(3)
    expect(editor.tab).to_have_url(re.compile("frame=3"))
    editor.tab.reload()
    editor.wait_for("prompted in frames 0")
    expect(editor.tab.get_by_role("textbox", name="Frame", exact=True)).to_have_value("3")
    editor.go_to(0)
    difference = np.abs(editor.picture().astype(int) - before)[12:-12]
    assert difference.max() < 12, "picture, mask and the click's mark are as before"


def test_two_tabs_show_the_same(open_editor: Open) -> None:
    one, two = open_editor(), open_editor()
    one.click(*ON_SQUARE)
    two.wait_for("prompted in frames 0")
    two.tab.get_by_role("button", name="More about Object 1").click()
    two.tab.get_by_role("menuitem", name="Rename").click()
    two.tab.get_by_role("textbox", name="Name of Object 1").fill("Square")
    two.tab.keyboard.press("Enter")
    one.wait_for("^Square: ")
    two.tab.keyboard.press("Control+z")
    one.wait_for("^Object 1: ")
    two.tab.keyboard.press("Control+z")
    expect(one.lane).to_have_count(0)


def test_the_keyboard_alone_is_enough(server: Any, open_editor: Open) -> None:
    editor = open_editor()
    keyboard = editor.tab.keyboard
    keyboard.press("x")
    for _ in range(12):
        keyboard.press("ArrowLeft")
    keyboard.press("Enter")
    editor.wait_for("prompted in frames 0")
    ((x, y),) = prompts(server)["0"]["points"]
    assert x < WIDTH / 2 - 5
    assert y == HEIGHT / 2
    keyboard.press("x")
    keyboard.press("ArrowRight")
    expect(editor.tab.get_by_role("slider", name="Frame")).to_have_attribute("aria-valuenow", "1")
    keyboard.press("?")
    expect(editor.tab.get_by_role("dialog", name="Keyboard and mouse")).to_be_visible()
    keyboard.press("Escape")
    expect(editor.tab.get_by_role("dialog")).to_have_count(0)


def prompts(server: Any) -> dict[str, Any]:
    with server.page(server.media()) as page:
        return page.hello["lanes"]["1"]["prompts"]


def test_a_narrow_touch_screen(server: Any, open_editor: Open) -> None:
    editor = open_editor(viewport={"width": 360, "height": 640}, has_touch=True, is_mobile=True)
    editor.tab.touchscreen.tap(*editor.spot(*ON_SQUARE))
    editor.wait_for("prompted in frames 0")
    ((x, y),) = prompts(server)["0"]["points"]
    assert abs(x - ON_SQUARE[0] - 0.5) < 1
    assert abs(y - ON_SQUARE[1] - 0.5) < 1
    assert editor.tab.evaluate("document.documentElement.scrollWidth") == 360
    for button in editor.tab.get_by_role("toolbar").get_by_role("button").all():
        box = button.bounding_box()
        assert box is None or box["x"] + box["width"] <= 360, button.get_attribute("aria-label")


def test_upload_and_delete_in_the_gallery(server: Any, new_tab: Callable[..., Any], clips: Path) -> None:
    tab = new_tab()
    tab.goto(f"{server.url}/")
    expect(tab.get_by_role("heading", name="Drop a video here")).to_be_visible()
    tab.get_by_label("Videos or images to upload").set_input_files(clips / "square.mp4")
    expect(tab.get_by_role("link", name="square.mp4")).to_be_visible()
    expect(tab.get_by_role("list", name="Uploads")).to_have_count(0)
    (item,) = server.http.get("/api/media").json()
    assert (item["name"], item["frames"], item["width"], item["height"]) == ("square.mp4", FRAMES, WIDTH, HEIGHT)
    tab.get_by_role("button", name="More about square.mp4").click()
    tab.get_by_role("menuitem", name="Delete").click()
    tab.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(tab.get_by_role("heading", name="Drop a video here")).to_be_visible()
    assert server.http.get("/api/media").json() == []


def test_what_is_no_video_is_refused_with_the_reason(server: Any, new_tab: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "notes.mp4").write_text("these are only words", encoding="utf-8")
    # The browser itself notes the refused request as an error.
    tab = new_tab(expected=re.compile("Failed to load resource"))
    tab.goto(f"{server.url}/")
    tab.get_by_label("Videos or images to upload").set_input_files(tmp_path / "notes.mp4")
    row = tab.get_by_role("list", name="Uploads").get_by_role("listitem")
    expect(row).to_have_class(re.compile("failed"))
    row.get_by_role("button", name="Dismiss notes.mp4").click()
    expect(row).to_have_count(0)
    assert server.http.get("/api/media").json() == []


@pytest.mark.parametrize("painter", ["webgl2", "2d"])
def test_the_mask_layer_with_a_graphics_card_and_without(
    painter: str, browser: Any, launch: Callable[..., Any], open_editor: Open, server: Any
) -> None:
    chosen = browser if painter == "webgl2" else launch("--disable-3d-apis")
    editor = open_editor(browser=chosen, card=painter == "webgl2")
    assert editor.tab.locator(".stage").get_attribute("data-layer") == painter
    before = editor.picture()
    editor.click_object()
    mask = decode(stored(server)[1, 0])
    changed = np.abs(editor.picture().astype(int) - before).max(axis=2) > 12
    clear = clear_of(mask)
    assert np.array_equal(changed[clear], mask[clear])
    editor.tab.context.close()
    if chosen is not browser:
        chosen.close()


def test_what_imitates_a_graphics_card_does_not_paint(browser: Any, open_editor: Open) -> None:
    renderer = """() => {
        const gl = document.createElement("canvas").getContext("webgl2");
        return gl === null ? "" : gl.getParameter(gl.getExtension("WEBGL_debug_renderer_info").UNMASKED_RENDERER_WEBGL);
    }"""
    editor = open_editor(browser=browser)
    if "SwiftShader" not in editor.tab.evaluate(renderer):
        pytest.skip("needs a browser that imitates WebGL, without a graphics card")
    assert editor.tab.locator(".stage").get_attribute("data-layer") == "2d"


def test_a_team_logs_in_and_out(serve_team: Any, new_tab: Callable[..., Any], clips: Path, tmp_path: Path) -> None:
    """With a wrong token, then the right one; a page that is open when its login ends goes back to the login."""
    with serve_team(tmp_path, access=Access(recheck_seconds=0.5)) as team:
        ada = team.members["ada"]
        media = ada.upload((clips / "square.mp4").read_bytes()).json()["id"]
        tab = new_tab(expected=re.compile("401"))
        tab.goto(f"{team.server.url}/")
        token = tab.get_by_label("Your token")
        expect(token).to_be_focused()
        token.fill(f"{'0' * 16}.{'x' * 43}")
        tab.keyboard.press("Enter")
        expect(tab.get_by_role("alert")).to_have_text("Not logged in: this token is not known.")
        token.fill(f" {ada.token} ")
        tab.get_by_role("button", name="Log in").click()
        tab.get_by_role("link", name="square.mp4").click()
        expect(tab.locator(".connection.open")).to_be_attached()
        assert tab.evaluate("document.cookie") == "", "no script sees the login"
        assert ada.token not in tab.evaluate("JSON.stringify([localStorage, sessionStorage, location.href])")
        tab.reload()
        editor = Editor(tab)
        editor.wait_for_frame(0)
        editor.click_object()
        (edit,) = ada.http.get(f"/api/media/{media}/revisions").json()["revisions"]
        assert (edit["kind"], edit["author"]) == ("prompt", "ada")

        tab.request.delete(f"{team.server.url}/api/login", headers={"origin": team.server.url})
        expect(token).to_be_focused()
        token.fill(ada.token)
        tab.keyboard.press("Enter")
        editor.wait_for("prompted in frames 0")

        tab.goto(f"{team.server.url}/")
        tab.get_by_role("button", name="Log out ada").click()
        expect(token).to_be_visible()
        assert tab.request.get(f"{team.server.url}/api/media").status == 401


def add_effect(editor: Editor, name: str) -> None:
    editor.tab.get_by_role("button", name="Add an effect").click()
    editor.tab.get_by_role("menuitem", name=name, exact=True).click()


def test_effects_are_exported_and_copied_as_they_are_shown(
    server: Any, open_editor: Open, clips: Path, tmp_path: Path
) -> None:
    editor = open_editor(card=True, permissions=["clipboard-read", "clipboard-write"])
    tab = editor.tab
    plain = editor.picture().astype(int)
    editor.click_object()
    mask = decode(stored(server)[1, 0])
    clear = clear_of(mask)

    add_effect(editor, "Replace")
    shown = editor.picture().astype(int)
    assert np.abs(shown - plain)[mask & clear].max() < 12, "the object is as it was, without its mask's colour"
    assert np.abs(shown - (0, 0xB1, 0x40))[~mask & clear].max() < 12, "the background is not"
    tab.get_by_role("combobox", name=re.compile("^On")).select_option("Object 1")
    shown = editor.picture().astype(int)
    assert np.abs(shown - plain)[~mask & clear].max() < 12
    assert np.abs(shown - (0, 0xB1, 0x40))[mask & clear].max() < 12
    tab.keyboard.press("Escape")
    tab.get_by_role("button", name="Effects", exact=True).click()
    assert np.abs(editor.picture().astype(int) - shown)[mask & clear].max() > 12, "the masks are back"
    tab.get_by_role("button", name="Effects", exact=True).click()
    add_effect(editor, "Pixelate")
    tab.get_by_role("combobox", name=re.compile("^On")).select_option("Background")
    shown = editor.picture().astype(int)

    effects = [Replace(target=1), Pixelate(target="background")]
    with open_clip(clips / "square.mp4") as clip:
        expected = apply_effects(clip[0], {1: mask}, effects).astype(int)
    assert np.abs(shown - expected)[clear].mean() < 4, "the stage shows what the library draws"
    tab.get_by_role("button", name="Export").click()
    tab.get_by_role("radio", name=re.compile("^Video with effects")).check()
    with tab.expect_download() as download:
        tab.get_by_role("dialog").get_by_role("button", name="Export", exact=True).click()
    download.value.save_as(tmp_path / "effects.mp4")
    with open_clip(tmp_path / "effects.mp4") as made:
        assert np.abs(made[0].astype(int) - expected).mean() < 8
    tab.keyboard.press("Escape")

    tab.get_by_role("button", name="Copy this frame").click()
    tab.get_by_role("menuitem", name="Copy cut-out").click()
    expect(tab.get_by_text("The picture is on the clipboard").first).to_be_attached()
    encoded = tab.evaluate(
        """async () => {
            const [item] = await navigator.clipboard.read();
            const bytes = new Uint8Array(await (await item.getType("image/png")).arrayBuffer());
            return bytes.toBase64?.() ?? btoa(String.fromCharCode(...bytes));
        }"""
    )
    copied = np.asarray(Image.open(io.BytesIO(base64.b64decode(encoded))).convert("RGBA"))
    assert np.array_equal(copied[:, :, 3][clear] > 127, mask[clear])

    tab.reload()
    expect(tab.get_by_role("button", name="Pixelate background")).to_be_visible()


def test_effects_without_webgl(launch: Callable[..., Any], open_editor: Open, server: Any, clips: Path) -> None:
    browser = launch("--disable-3d-apis")
    editor = open_editor(browser=browser)
    plain = editor.picture().astype(int)
    editor.click_object()
    mask = decode(stored(server)[1, 0])
    clear = clear_of(mask)
    add_effect(editor, "Replace")
    shown = editor.picture().astype(int)
    assert np.abs(shown - plain)[mask & clear].max() < 12
    assert np.abs(shown - (0, 0xB1, 0x40))[~mask & clear].max() < 12
    editor.tab.get_by_role("button", name="Remove Replace, background").click()
    media = server.http.get("/api/media").json()[0]["id"]
    with open_clip(clips / "square.mp4") as clip:
        frame = clip[0]
    for name in ("Blur", "Pixelate", "Desaturate", "Spotlight", "Gradient", "Colour", "Erase", "Outline", "Cut out"):
        before = editor.picture().astype(int)
        add_effect(editor, name)
        for target in ("Object 1", "Background"):
            editor.tab.get_by_role("combobox", name=re.compile("^On")).select_option(target)
            shown = editor.picture().astype(int)
            assert np.abs(shown - before).max() > 12, name
            effects = server.http.get(f"/api/media/{media}/effects").json()["effects"]
            expected = apply_effects(frame, {1: mask}, effects_from_json(effects)).astype(int)
            seen = clear & (expected[:, :, 3] > 0 if expected.shape[2] == 4 else True)
            assert np.abs(shown - expected[:, :, :3])[seen].mean() < 9, (name, target)
        editor.tab.get_by_role("button", name=re.compile(f"^Remove {name}")).click()
    editor.tab.context.close()
    browser.close()


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_axe_finds_no_violation_in_the_login(
    scheme: str, serve_team: Any, new_tab: Callable[..., Any], violations: Callable[[Any], list[str]], tmp_path: Path
) -> None:
    with serve_team(tmp_path) as team:
        tab = new_tab(expected=re.compile("401"), color_scheme=scheme, reduced_motion="reduce")
        tab.goto(f"{team.server.url}/")
        tab.get_by_label("Your token").fill("nonsense")
        tab.keyboard.press("Enter")
        expect(tab.get_by_role("alert")).to_contain_text("not known")
        expect(tab.get_by_role("button", name="Log in")).to_be_enabled()
        assert violations(tab) == []


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_axe_finds_no_violation(
    scheme: str, server: Any, open_editor: Open, violations: Callable[[Any], list[str]]
) -> None:
    editor = open_editor(color_scheme=scheme, reduced_motion="reduce")
    tab = editor.tab

    def check(place: str) -> None:
        assert violations(tab) == [], place

    editor.click(*ON_SQUARE)
    expect(tab.get_by_role("toolbar", name="What the click means")).to_be_visible()
    check("editor with candidates")
    tab.keyboard.press("p")
    tab.get_by_role("button", name="Export").click()
    check("export")
    tab.keyboard.press("Escape")
    tab.keyboard.press("?")
    check("help")
    tab.keyboard.press("Escape")
    tab.get_by_role("button", name="More about Object 1").click()
    check("menu")
    tab.keyboard.press("Escape")
    add_effect(editor, "Replace")
    add_effect(editor, "Text")
    expect(tab.get_by_role("combobox", name=re.compile("^Place"))).to_be_visible()
    check("effects")
    tab.goto(f"{server.url}/")
    expect(tab.get_by_role("link", name="square.mp4")).to_be_visible()
    check("gallery")
    tab.get_by_role("button", name="Open a file").click()
    expect(tab.get_by_role("button", name=re.compile("square.mp4 "))).to_be_visible()
    check("files")


def masked(editor: Editor) -> NDArray[np.bool_]:
    """Where the screen shows masks: what changes when they are hidden."""
    switch = editor.tab.get_by_role("button", name="Masks", exact=True)
    shown = editor.picture().astype(int)
    switch.click()
    plain = editor.picture()
    switch.click()
    return np.abs(shown - plain).max(axis=2) > 12


def test_a_slow_network_only_takes_longer(server: Any, open_editor: Open) -> None:
    editor = open_editor()
    network = editor.tab.context.new_cdp_session(editor.tab)
    network.send("Network.enable")
    slow = {"offline": False, "latency": 300, "downloadThroughput": 20_000, "uploadThroughput": 20_000}
    network.send("Network.emulateNetworkConditions", slow)
    network.send("Network.setCacheDisabled", {"cacheDisabled": True})
    editor.tab.reload()
    editor.wait_for_frame(0)
    editor.click_object()
    editor.tab.keyboard.press("t")
    expect(editor.tab.get_by_text("Tracking is done")).to_be_attached()
    for frame in (5, 2):
        editor.go_to(frame)
        mask = decode(stored(server)[1, frame])
        clear = clear_of(mask)
        assert np.array_equal(masked(editor)[clear], mask[clear])


def test_twenty_objects(server: Any, open_editor: Open) -> None:
    """All are drawn where they are, listed, and tracked together."""
    count = 20
    together = np.zeros((HEIGHT, WIDTH), np.bool_)
    with server.page(server.media()) as page:
        for number in range(count):
            row, column = 13 + 10 * (number // 5), 4 + 18 * (number % 5)
            mask = np.zeros_like(together)
            mask[row : row + 8, column : column + 14] = True
            together |= mask
            page.do("object-add")
            page.do("mask", frame=0, object=number + 1, counts=Rle.encode(mask).counts.decode())
    editor = open_editor()
    expect(editor.tab.locator(".lane")).to_have_count(count)
    # The last object is selected, and its outline wider than the others': a pixel around every edge says nothing.
    kernel = np.ones((3, 3), np.uint8)
    edge = cv2.dilate(together.astype(np.uint8), kernel) != cv2.erode(together.astype(np.uint8), kernel)
    clear = clear_of(np.zeros_like(together)) & ~edge
    assert np.array_equal(masked(editor)[clear], together[clear])
    editor.tab.keyboard.press("t")
    expect(editor.tab.get_by_text("Tracking is done")).to_be_attached()
    assert set(stored(server)) == {(number, frame) for number in range(1, count + 1) for frame in range(FRAMES)}


def test_a_reload_while_tracking_finds_the_run_again(server: Any, open_editor: Open) -> None:
    editor = open_editor()
    editor.click_object()
    editor.tab.keyboard.press("t")
    editor.tab.reload()
    editor.wait_for(rf"to {FRAMES - 1}\b")
    expect(editor.tab.get_by_role("button", name="Stop tracking")).to_have_count(0)
    assert set(stored(server)) == {(1, frame) for frame in range(FRAMES)}


def test_a_page_goes_on_after_its_server_was_killed(start_app: Callable[[], Any], new_tab: Callable[..., Any]) -> None:
    # The browser itself notes connections that fail.
    tab = new_tab(expected=re.compile("ERR_|WebSocket"))
    editor = Editor(tab)
    with start_app() as app:
        tab.goto(app.server.url)
        tab.get_by_role("link", name="square.mp4").click()
        editor.wait_for_frame(0)
        editor.click_object()
        tab.keyboard.press("t")
        expect(tab.locator(".stage")).to_have_attribute("data-frame", re.compile("[2-7]"))
        app.kill()
        expect(tab.locator(".connection.open")).to_have_count(0)
    with start_app() as app:
        expect(tab.locator(".connection.open")).to_be_attached()
        editor.wait_for("prompted in frames 0")
        assert {(1, 0), (1, 1)} <= set(stored(app.server))
        editor.go_to(0)
        tab.keyboard.press("t")
        expect(tab.get_by_text("Tracking is done")).to_be_attached()
        assert set(stored(app.server)) == {(1, frame) for frame in range(FRAMES)}


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_the_main_states_are_pictures(scheme: str, server: Any, open_editor: Open, tmp_path: Path) -> None:
    """Screenshots of what people see first, kept in pytest's folder to be looked at; none is blank."""
    editor = open_editor(color_scheme=scheme, reduced_motion="reduce", viewport={"width": 1280, "height": 800})
    tab = editor.tab

    def shoot(name: str) -> None:
        tab.wait_for_timeout(400)
        path = tmp_path / f"{scheme}-{name}.png"
        tab.screenshot(path=path)
        pixels = np.asarray(Image.open(path).convert("RGB")).reshape(-1, 3)
        colours, counts = np.unique(pixels, axis=0, return_counts=True)
        assert len(colours) > 50, name
        assert counts.max() < 0.95 * len(pixels), name

    editor.click(*ON_SQUARE)
    expect(tab.get_by_role("toolbar", name="What the click means")).to_be_visible()
    shoot("click")
    tab.keyboard.press("t")
    expect(tab.get_by_text("Tracking is done")).to_be_attached()
    shoot("tracked")
    tab.get_by_role("button", name="Export").click()
    shoot("export")
    tab.keyboard.press("Escape")
    tab.keyboard.press("?")
    shoot("keys")
    tab.keyboard.press("Escape")
    tab.set_viewport_size({"width": 360, "height": 640})
    shoot("narrow")
    tab.goto(f"{server.url}/")
    expect(tab.get_by_role("link", name="square.mp4")).to_be_visible()
    shoot("narrow-gallery")
    tab.set_viewport_size({"width": 1280, "height": 800})
    shoot("gallery")
