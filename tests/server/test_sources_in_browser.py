"""Camera, screen, import and folders in a real browser, against a real server."""

from __future__ import annotations

import io
import json
import re
import shutil
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

playwright_api: Any = pytest.importorskip(
    "playwright.sync_api", reason="needs playwright: pip install -e '.[dev]'", exc_type=ImportError
)
expect = playwright_api.expect

FRAMES, HEIGHT, WIDTH = 8, 64, 96
"""Of the clip in conftest.py."""
CAMERA_HEIGHT, CAMERA_WIDTH = 120, 160
PATIENCE_MS = 60_000


@pytest.fixture(scope="module")
def browser(launch: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A browser whose camera shows a bright square on noise."""
    film = tmp_path_factory.mktemp("camera") / "camera.y4m"
    write_y4m(film)
    camera = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
    found = launch(*camera, f"--use-file-for-fake-video-capture={film}")
    yield found
    found.close()


def write_y4m(path: Path) -> None:
    """Two frames (one would do) of YUV 4:2:0: a bright square in the middle."""
    luma = np.random.default_rng(0).integers(20, 70, (CAMERA_HEIGHT, CAMERA_WIDTH), dtype=np.uint8)
    luma[36:84, 56:104] = 220
    chroma = np.full((CAMERA_HEIGHT // 2, CAMERA_WIDTH // 2), 128, np.uint8)
    frame = b"FRAME\n" + luma.tobytes() + chroma.tobytes() * 2
    path.write_bytes(b"YUV4MPEG2 W%d H%d F30:1 Ip A1:1 C420jpeg\n" % (CAMERA_WIDTH, CAMERA_HEIGHT) + frame * 2)


def stage_point(tab: Any, x: float, y: float, width: int, height: int) -> tuple[float, float]:
    """Where a place of the picture is in the tab."""
    box = tab.locator(".stage").bounding_box()
    margin = 16 if box["width"] >= 500 else 0
    scale = min((box["width"] - 2 * margin) / width, (box["height"] - 2 * margin) / height)
    left = box["x"] + (box["width"] - width * scale) / 2
    top = box["y"] + (box["height"] - height * scale) / 2
    return left + x * scale, top + y * scale


def frame_on_stage(tab: Any) -> int:
    return int(tab.locator(".stage").get_attribute("data-frame") or -1)


def wait_for_frame(tab: Any, least: int) -> None:
    expect(tab.locator(".stage[data-frame]")).to_be_attached()
    # The page's content policy forbids playwright's own way to wait for a condition.
    for _ in range(PATIENCE_MS // 50):
        if frame_on_stage(tab) >= least:
            return
        tab.wait_for_timeout(50)
    pytest.fail(f"frame {least} did not come")


def test_a_camera_is_segmented_while_it_runs_and_its_recording_is_edited(
    server: Any, new_tab: Callable[..., Any]
) -> None:
    tab = new_tab()
    tab.goto(f"{server.url}/")
    tab.get_by_role("link", name="Camera or screen").click()
    tab.get_by_text("10 minutes").wait_for()
    tab.get_by_role("button", name=re.compile("^Camera")).click()
    wait_for_frame(tab, 1)
    tab.mouse.click(*stage_point(tab, 80, 60, CAMERA_WIDTH, CAMERA_HEIGHT))
    expect(tab.get_by_role("button", name="Object 1", exact=True)).to_have_attribute("aria-pressed", "true")

    # Paused, the picture stands still, and a correction is for it.
    tab.keyboard.press("Space")
    expect(tab.get_by_text("Paused: clicks are for this picture")).to_be_visible()
    before = frame_on_stage(tab)
    tab.get_by_role("radio", name="Exclude").check()
    tab.mouse.click(*stage_point(tab, 10, 10, CAMERA_WIDTH, CAMERA_HEIGHT))
    expect(tab.locator(".stage-busy.on")).to_have_count(0)
    assert frame_on_stage(tab) - before <= 2, "frames that were under way may have come"
    tab.keyboard.press("Space")
    wait_for_frame(tab, before + 3)

    tab.get_by_role("button", name="Finish").click()
    expect(tab).to_have_url(re.compile("#/media/"))
    expect(tab.locator(".lane").first).to_have_attribute("aria-label", re.compile("Object 1.*prompted in frames"))
    (media,) = server.http.get("/api/media").json()
    assert (media["kind"], media["width"], media["height"]) == ("video", CAMERA_WIDTH, CAMERA_HEIGHT)
    assert media["name"].startswith("Camera ")
    with server.page(media["id"]) as page:
        first = page.hello["lanes"]["1"]["prompted"][0]
        page.do("masks", start=0, stop=media["frames"])
        masks = {mask.mask.frame: mask.mask.rle.decode() for mask in page.masks}
        assert set(masks) == set(range(first, media["frames"])), "every frame since the first click has a mask"
        assert masks[first][60, 80], "the mask is where the click was"


def test_a_screen_is_segmented_while_it_is_shared(server: Any, new_tab: Callable[..., Any]) -> None:
    """The browser makes a screen up, of 16:9."""
    tab = new_tab()
    tab.goto(f"{server.url}/#/source")
    tab.get_by_role("button", name=re.compile("^Screen")).click()
    wait_for_frame(tab, 1)
    tab.keyboard.press("Space")
    expect(tab.get_by_text("Paused: clicks are for this picture")).to_be_visible()
    tab.mouse.click(*stage_point(tab, 8, 4.5, 16, 9))
    expect(tab.get_by_role("button", name="Object 1", exact=True)).to_have_attribute("aria-pressed", "true")
    expect(tab.locator(".stage-busy.on")).to_have_count(0)
    tab.get_by_role("button", name="Finish").click()
    expect(tab).to_have_url(re.compile("#/media/"))
    (media,) = server.http.get("/api/media").json()
    assert abs(media["width"] / media["height"] - 16 / 9) < 0.02
    assert media["name"].startswith("Screen ")
    with server.page(media["id"]) as page:
        assert page.hello["lanes"]["1"]["prompted"]


def test_a_recording_that_is_not_wanted_is_gone(server: Any, new_tab: Callable[..., Any]) -> None:
    tab = new_tab(viewport={"width": 360, "height": 640}, has_touch=True, is_mobile=True)
    tab.goto(f"{server.url}/#/source")
    tab.get_by_role("button", name=re.compile("^Camera")).click()
    wait_for_frame(tab, 1)
    tab.touchscreen.tap(*stage_point(tab, 80, 60, CAMERA_WIDTH, CAMERA_HEIGHT))
    expect(tab.get_by_role("button", name="Delete Object 1")).to_be_visible()
    assert tab.evaluate("document.documentElement.scrollWidth") == 360
    for button in tab.get_by_role("button").all():
        box = button.bounding_box()
        assert box is None or box["x"] + box["width"] <= 360, button.get_attribute("aria-label")
    tab.get_by_role("button", name="Discard the recording").click()
    expect(tab.get_by_role("heading", name="Drop a video here")).to_be_visible()
    assert server.http.get("/api/media").json() == []


def png(number: int) -> bytes:
    labels = np.zeros((HEIGHT, WIDTH), np.uint8)
    labels[10:30, 20:50] = number
    file = io.BytesIO()
    Image.fromarray(labels).save(file, format="PNG")
    return file.getvalue()


def open_editor(server: Any, tab: Any) -> str:
    media = server.media()
    tab.goto(f"{server.url}/#/media/{media}")
    expect(tab.locator(".connection.open")).to_be_attached()
    return media


def test_masks_are_imported_from_files_and_taken_back(server: Any, new_tab: Callable[..., Any], tmp_path: Path) -> None:
    for frame in range(FRAMES):
        (tmp_path / f"{frame:05d}.png").write_bytes(png(1))
    tab = new_tab(expected=re.compile("Failed to load resource"))
    media = open_editor(server, tab)
    tab.keyboard.press("Control+i")
    dialog = tab.get_by_role("dialog", name="Import masks")
    dialog.get_by_label("Files with masks").set_input_files(sorted(tmp_path.glob("*.png")))
    expect(dialog.get_by_text("8 files")).to_be_visible()
    dialog.get_by_label("How many frames apart").fill("3")
    dialog.get_by_role("button", name="Import", exact=True).click()
    expect(tab.get_by_text("An object with 8 masks imported")).to_be_visible()
    expect(tab.locator(".lane").first).to_have_attribute("aria-label", re.compile("prompted in frames 0, 3, 6"))
    with server.page(media) as page:
        assert set(page.shown()) == {(1, frame) for frame in range(FRAMES)}
    tab.keyboard.press("Control+z")
    expect(tab.locator(".lane")).to_have_count(0)

    # A file that is dropped on the editor is asked about; one that does not fit is refused with the reason.
    drop(tab, {"words.json": json.dumps({"a": 1})})
    expect(dialog.get_by_text("words.json")).to_be_visible()
    dialog.get_by_role("button", name="Import", exact=True).click()
    expect(dialog.get_by_role("alert")).to_contain_text("got an object with the keys a")


def drop(tab: Any, files: dict[str, str]) -> None:
    """Drops text files on the page."""
    transfer = tab.evaluate_handle(
        """(files) => {
            const transfer = new DataTransfer();
            for (const [name, text] of Object.entries(files)) transfer.items.add(new File([text], name));
            return transfer;
        }""",
        files,
    )
    for event in ("dragenter", "dragover", "drop"):
        tab.dispatch_event("body", event, {"dataTransfer": transfer})


@pytest.fixture
def holiday(clips: Path, tmp_path: Path) -> Path:
    """A folder with a video, a folder of three pictures, and something else."""
    folder = tmp_path / "holiday"
    (folder / "beach").mkdir(parents=True)
    for number in (10, 9, 1):
        Image.fromarray(np.full((24, 32, 3), 20 * number, np.uint8)).save(folder / "beach" / f"shot {number}.png")
    (folder / "notes.txt").write_text("no picture", encoding="utf-8")
    shutil.copy(clips / "square.mp4", folder / "film.mp4")
    return folder


def pick_folder(tab: Any, folder: Path) -> None:
    tab.get_by_label("Folder to upload").set_input_files(folder)


def drop_folder(tab: Any, folder: Path) -> None:
    """As from the desktop's file manager: the browser itself makes the transfer."""
    session = tab.context.new_cdp_session(tab)
    data = {"items": [], "files": [str(folder)], "dragOperationsMask": 1}

    def drag(kind: str) -> None:
        session.send("Input.dispatchDragEvent", {"type": kind, "x": 300, "y": 400, "data": data})

    drag("dragEnter")
    drag("dragOver")
    expect(tab.get_by_text("Drop to upload")).to_be_visible()
    drag("drop")
    expect(tab.get_by_text("Drop to upload")).to_have_count(0)


@pytest.mark.parametrize("give", [pick_folder, drop_folder])
def test_a_folder_of_pictures_is_one_media_and_videos_in_it_are_their_own(
    give: Callable[[Any, Path], None], server: Any, new_tab: Callable[..., Any], holiday: Path
) -> None:
    tab = new_tab()
    tab.goto(f"{server.url}/")
    expect(tab.get_by_role("heading", name="Drop a video here")).to_be_visible()
    give(tab, holiday)
    expect(tab.get_by_role("link", name="beach")).to_be_visible()
    expect(tab.get_by_role("link", name="film.mp4")).to_be_visible()
    expect(tab.get_by_role("list", name="Uploads")).to_have_count(0)
    items = {item["name"]: item for item in server.http.get("/api/media").json()}
    assert {name: item["frames"] for name, item in items.items()} == {"beach": 3, "film.mp4": FRAMES}
    for frame, level in enumerate((20, 180, 200)):
        picture = server.http.get(f"/api/media/{items['beach']['id']}/frames/{frame}.jpg").content
        assert abs(int(np.asarray(Image.open(io.BytesIO(picture)))[5, 5, 0]) - level) < 4


def test_an_export_as_zip_comes_back_through_the_page(server: Any, new_tab: Callable[..., Any], tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "masks.zip", "w") as archive:
        for number in (1, 2):
            archive.writestr(f"{number:03d}/00002.png", png(1))
    tab = new_tab()
    media = open_editor(server, tab)
    tab.get_by_role("button", name="Import masks").click()
    tab.get_by_label("Files with masks").set_input_files(tmp_path / "masks.zip")
    tab.get_by_role("dialog").get_by_role("button", name="Import", exact=True).click()
    expect(tab.get_by_text("2 objects with 2 masks imported")).to_be_visible()
    with server.page(media) as page:
        assert set(page.shown()) == {(1, 2), (2, 2)}


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_axe_finds_no_violation(
    scheme: str, server: Any, new_tab: Callable[..., Any], violations: Callable[[Any], list[str]]
) -> None:
    tab = new_tab(color_scheme=scheme, reduced_motion="reduce")
    open_editor(server, tab)
    tab.keyboard.press("Control+i")
    expect(tab.get_by_role("dialog")).to_be_visible()
    assert violations(tab) == []
    tab.keyboard.press("Escape")
    tab.goto(f"{server.url}/#/source")
    tab.get_by_text("10 minutes").wait_for()
    assert violations(tab) == []
    tab.get_by_role("button", name=re.compile("^Camera")).click()
    wait_for_frame(tab, 1)
    tab.mouse.click(*stage_point(tab, 80, 60, CAMERA_WIDTH, CAMERA_HEIGHT))
    expect(tab.get_by_role("button", name="Delete Object 1")).to_be_visible()
    assert violations(tab) == []
