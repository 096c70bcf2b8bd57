"""A server process and a browser before it, with a probe in the page that says when masks were painted."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from masklet.data.scene import Scene
from masklet.media.writer import VideoWriter

QUIET = (
    "--no-sandbox",
    "--no-first-run",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--ignore-gpu-blocklist",
    "--enable-unsafe-swiftshader",
)
VIEWPORT: ViewportSize = {"width": 1366, "height": 768}
PATIENCE_MS = 60_000

PROBE = """(() => {
  // The layer's canvas tells of every painting, however it paints; the time is that of the next screen refresh.
  const probe = { released: 0, added: 0, paintings: [], waiting: [] };
  window.probe = probe;
  probe.find = (test) => new Promise((resolve) => {
    const found = probe.paintings.find(test);
    if (found === undefined) probe.waiting.push({ test, resolve });
    else resolve(found);
  });
  probe.clicked = (before) => probe.find((it) => it.released > before && it.added > 0 && it.masks > 0);
  addEventListener("pointerup", (event) => { probe.released = event.timeStamp; }, true);
  addEventListener("painted", ({ detail: { masks, added, milliseconds } }) => {
    const { released } = probe;
    probe.added += added;
    requestAnimationFrame(() => {
      const painting = { at: performance.now(), released, added, masks, script: milliseconds };
      probe.paintings.push(painting);
      for (const { test, resolve } of probe.waiting) if (test(painting)) resolve(painting);
      if (probe.paintings.length > 5000) probe.paintings.shift();
    });
  }, true);
})();"""

_WANDER = """([x, y, reach, milliseconds]) => new Promise((resolve) => {
  const began = performance.now();
  const move = (now) => {
    const angle = (now - began) / 250;
    const at = { clientX: x + reach * Math.cos(angle), clientY: y + reach * Math.sin(1.7 * angle) };
    const about = { ...at, pointerId: 1, pointerType: "mouse", isPrimary: true, bubbles: true };
    document.elementFromPoint(at.clientX, at.clientY).dispatchEvent(new PointerEvent("pointermove", about));
    if (now - began < milliseconds) requestAnimationFrame(move);
    else resolve();
  };
  requestAnimationFrame(move);
})"""


_ARRIVED = """() => new Promise((resolve) => {
  const began = performance.now();
  const look = () => {
    const [shown, wanted] = [document.querySelector(".stage").dataset.frame, document.querySelector(".ruler")];
    if (shown === wanted.getAttribute("aria-valuenow")) resolve(performance.now() - began);
    else requestAnimationFrame(look);
  };
  look();
})"""


@dataclass(frozen=True, slots=True)
class Server:
    """A server process."""

    url: str
    process: psutil.Process
    http: httpx.Client

    @property
    def media(self) -> str:
        """The id of the newest media."""
        return self.http.get("/api/media").json()[0]["id"]

    def figure(self, name: str) -> float:
        """What /metrics says."""
        found = re.search(rf"^{name} (.*)$", self.http.get("/metrics").text, re.MULTILINE)
        assert found is not None, name
        return float(found.group(1))

    def tracked(self) -> float:
        """Frames tracked since the start."""
        return self.figure("masklet_tracked_frames_total")

    @property
    def resident(self) -> float:
        """Resident memory in MB."""
        return self.process.memory_info().rss / 1e6


@contextmanager
def serving(words: Sequence[str]) -> Iterator[Server]:
    """A process that prints its address first, such as `masklet app`."""
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout is not None
        first = process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:\d+", first)
        if found is None:
            raise RuntimeError(f"expected the server's address, got {first!r}")
        with httpx.Client(base_url=found.group(), timeout=120) as http:
            yield Server(found.group(), psutil.Process(process.pid), http)
    finally:
        process.terminate()
        process.wait(60)


def app(clip: Path, data: Path) -> Any:
    """`masklet app` with a clip, as people start it."""
    masklet = str(Path(sys.executable).with_name("masklet"))
    return serving([masklet, "app", str(clip), "--port", "0", "--no-open", "--data", str(data), "--device", "cpu"])


def make_clip(path: Path, scene: Scene) -> Path:
    """Writes a scene as MP4, and returns the path."""
    with VideoWriter(path, height=scene.height, width=scene.width, fps=scene.fps) as writer:
        for frame in scene:
            writer.write(frame)
    return path


def middle(scene: Scene, frame: int, which: int = 0) -> tuple[float, float]:
    """The middle of a disc."""
    rows, columns = np.nonzero(scene.mask(frame, which))
    return float(columns.mean()), float(rows.mean())


@contextmanager
def browser(*more: str) -> Iterator[Browser]:
    """Debian's chromium, or the browser that playwright has installed."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=program, args=[*QUIET, *more])
        yield found
        found.close()


@dataclass(frozen=True, slots=True)
class Tab:
    """A tab with an open editor; places are pixels of the frame."""

    page: Page
    scene: Scene

    def spot(self, x: float, y: float) -> tuple[float, float]:
        """Where a place of the frame is in the tab; the picture fits the stage."""
        box = self.page.locator(".stage").bounding_box()
        assert box is not None
        scale = min((box["width"] - 32) / self.scene.width, (box["height"] - 32) / self.scene.height)
        left = box["x"] + (box["width"] - self.scene.width * scale) / 2
        top = box["y"] + (box["height"] - self.scene.height * scale) / 2
        return left + x * scale, top + y * scale

    def go_to(self, frame: int) -> None:
        """Shows a frame, and returns as soon as its picture is on the stage."""
        place = self.page.get_by_role("textbox", name="Frame", exact=True)
        place.fill(str(frame))
        place.press("Enter")
        self.page.wait_for_selector(f'.stage[data-frame="{frame}"]')

    def click(self, x: float, y: float) -> float:
        """Clicks, and returns the milliseconds to the screen refresh after the mask was painted."""
        before = self.page.evaluate("probe.released")
        self.page.mouse.click(*self.spot(x, y))
        found = self.page.evaluate(f"probe.clicked({before})")
        return found["at"] - found["released"]

    def wander(self, seconds: float) -> None:
        """Moves the pointer over and around the first disc, at every screen refresh, at the pace of a hand.

        Within the page: from outside, a machine that is busy with previews does not move it thirty times a second.
        """
        x, y = middle(self.scene, 0)
        left, top = self.spot(x, y)
        right, _ = self.spot(x + 60, y)
        self.page.evaluate(_WANDER, [left, top, right - left, 1000 * seconds])

    def drag(self, start: float, stop: float) -> float:
        """Drags the cursor along the ruler between two shares of it in half a second, and returns the milliseconds
        from letting go until the frame there is on the stage."""
        self.page.wait_for_timeout(1000)
        box = self.page.locator(".ruler").bounding_box()
        assert box is not None
        places = box["x"] + box["width"] * np.linspace(start, stop, 41)
        y = box["y"] + box["height"] / 2
        self.page.mouse.move(places[0], y)
        self.page.mouse.down()
        for x in places[1:]:
            self.page.mouse.move(x, y)
            self.page.wait_for_timeout(12)
        self.page.mouse.up()
        return self.page.evaluate(_ARRIVED)

    def settle(self) -> None:
        """Waits until the candidates of a first click are there, and the page rests."""
        self.page.get_by_role("toolbar", name="What the click means").wait_for()
        self.page.wait_for_timeout(200)


@contextmanager
def editor(browser: Browser, server: Server, scene: Scene) -> Iterator[Tab]:
    """The editor of the server's newest media."""
    context = browser.new_context(viewport=VIEWPORT)
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    page.add_init_script(PROBE)
    page.goto(f"{server.url}/#/media/{server.media}")
    page.wait_for_selector(".connection.open", state="attached")
    page.wait_for_selector('.stage[data-layer][data-frame="0"]')
    yield Tab(page, scene)
    context.close()
