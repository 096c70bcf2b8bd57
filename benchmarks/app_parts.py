"""The app's figures, each measured by itself in a real browser. Times are in milliseconds."""

from __future__ import annotations

import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import psutil

from benchmarks.app_browser import Server, Tab, app, browser, editor, make_clip, middle
from masklet import VideoSession, load_model
from masklet.data.scene import Scene
from masklet.masks import FrameMask, Rle
from masklet.server.library import Library
from masklet.server.settings import Limits
from masklet.store import Change, MaskRecord, ObjectRecord, Store

Figures = dict[str, float | str]
HEIGHT, WIDTH = 720, 1280
_PREPARED_MS = 500
"""After it the server has looked at a frame that the page has gone to, and at its neighbours."""


def clicks() -> Figures:
    """Clicks on frames whose features are there, further clicks on them, and clicks on frames that are new."""
    first, further, cold = [], [], []
    with _open(Scene(200, HEIGHT, WIDTH, 3)) as (_, tab):
        for frame in range(12):
            tab.go_to(frame)
            tab.page.wait_for_timeout(_PREPARED_MS)
            x, y = middle(tab.scene, frame)
            first.append(tab.click(x, y))
            tab.settle()
            further.append(tab.click(x + 20, y))
            tab.page.wait_for_timeout(100)
        for frame in range(24, 200, 16):
            tab.go_to(frame)
            cold.append(tab.click(*middle(tab.scene, frame)))
            tab.settle()
    encoder = _encoder()
    return {
        **_spread("click", first),
        **_spread("further", further),
        **_spread("cold", cold),
        "encoder": encoder,
        "cold_more": statistics.median(cold) - encoder,
    }


def hover() -> Figures:
    """Previews a second while the pointer wanders over a visited frame; clicks out of such a movement."""
    seconds = 8.0
    still, moving = [], []
    with _open(Scene(48, HEIGHT, WIDTH, 3)) as (_, tab):
        tab.page.wait_for_timeout(_PREPARED_MS)
        before, began = tab.page.evaluate("probe.added"), time.monotonic()
        tab.wander(seconds)
        rate = (tab.page.evaluate("probe.added") - before) / (time.monotonic() - began)
        for frame in range(1, 25):
            tab.go_to(frame)
            tab.page.wait_for_timeout(_PREPARED_MS)
            if frame % 2:
                tab.wander(0.7)
            (moving if frame % 2 else still).append(tab.click(*middle(tab.scene, frame)))
            tab.settle()
    delay = statistics.median(moving) - statistics.median(still)
    return {"previews": rate, **_spread("hovering", moving), "hover_delay": delay}


def tracking() -> Figures:
    """Frames a second of `masklet track`, and of the app whose page shows every frame it can, in turns."""
    scene = Scene(72, HEIGHT, WIDTH, 1)
    x, y = middle(scene, 0)
    command, app_rate, watched = [], [], []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clip = make_clip(folder / "scene.mp4", scene)
        track = [str(Path(sys.executable).with_name("masklet")), "track", str(clip), "--device", "cpu"]
        track += ["--prompt", f"1@0:point={round(x)},{round(y)}", "--format", "sav", "--overwrite"]
        with app(clip, folder / "data") as server, browser() as opened, editor(opened, server, scene) as tab:
            tab.click(x, y)
            tab.settle()
            for _ in range(3):
                said = subprocess.run([*track, "-o", str(folder / "out")], check=True, capture_output=True, text=True)
                rate = re.search(r"\(([\d.]+) frames/s\)", said.stdout)
                assert rate is not None, said.stdout
                command.append(float(rate[1]))
                paintings = "probe.paintings.length"
                tab.go_to(0)
                tab.page.evaluate(f"{paintings} = 0")
                seconds = _track(tab)
                app_rate.append(len(scene) / seconds)
                watched.append(tab.page.evaluate(paintings) / seconds)
    one, other = statistics.median(app_rate), statistics.median(command)
    return {"tracking": one, "track": other, "tracking_share": one / other, "watched": statistics.median(watched)}


def layer() -> Figures:
    """20 masks on a 1080p frame, drawn anew at every screen refresh while the picture is moved."""
    scene = Scene(2, 1080, 1920, 20)
    with tempfile.TemporaryDirectory() as name:
        clip = make_clip(Path(name) / "scene.mp4", scene)
        data = Path(name) / "data"
        _fill(clip, data, scene)
        with app(clip, data) as server, browser() as opened, editor(opened, server, scene) as tab:
            tab.page.evaluate(f"probe.find((it) => it.masks === {scene.objects})")
            tab.page.wait_for_timeout(_PREPARED_MS)
            before = _browser_seconds()
            paintings = tab.page.evaluate(_MOVE, 6000)
            spent = _browser_seconds() - before
            on_canvas = tab.page.locator(".stage").get_attribute("data-layer") == "2d"
            renderer = "on a 2D canvas" if on_canvas else tab.page.evaluate(_RENDERER)
    times = [painting["at"] for painting in paintings]
    return {
        "layer": 1000 * (len(times) - 1) / (times[-1] - times[0]),
        "layer_script": statistics.median(painting["script"] for painting in paintings),
        "layer_processor": 1000 * spent / len(paintings),
        "renderer": renderer,
    }


def playback() -> Figures:
    """A 1080p clip with 20 masks on every frame, played and stepped through; another, its cursor dragged to and fro."""
    scene, seconds = Scene(120, 1080, 1920, 20), 4.0
    with tempfile.TemporaryDirectory() as name:
        clip = make_clip(Path(name) / "scene.mp4", scene)
        data = Path(name) / "data"
        _fill(clip, data, scene, frames=len(scene))
        with app(clip, data) as server, browser() as opened, editor(opened, server, scene) as tab:
            tab.page.evaluate(f"probe.find((it) => it.masks === {scene.objects})")
            tab.page.wait_for_timeout(6 * _PREPARED_MS)  # the film strip is made meanwhile
            tab.page.evaluate("probe.paintings.length = 0")
            tab.page.keyboard.press("Space")
            tab.page.wait_for_timeout(1000 * seconds)
            tab.page.keyboard.press("Space")
            played = tab.page.evaluate(f"probe.paintings.filter((it) => it.masks === {scene.objects})")
            tab.go_to(20)
            steps: list[float] = []
            for _ in range(24):
                tab.page.wait_for_timeout(_PREPARED_MS)
                steps.append(tab.page.evaluate(_STEP, scene.objects))
    with _open(Scene(300, 1080, 1920, 1)) as (_, tab):
        drags = [tab.drag(*way) for way in ((0.1, 0.9), (0.9, 0.15), (0.2, 0.7), (0.95, 0.33), (0.8, 0.22))]
    span = (played[-1]["at"] - played[0]["at"]) / 1000
    return {"played": (len(played) - 1) / span / scene.fps, **_spread("step", steps), "drag": max(drags)}


def effects() -> Figures:
    """A clip with two objects, played with effects; of several mixes the slowest."""
    scene, seconds = Scene(120, HEIGHT, WIDTH, 2), 3.0
    shares, scripts = [], []
    with tempfile.TemporaryDirectory() as name:
        clip = make_clip(Path(name) / "scene.mp4", scene)
        data = Path(name) / "data"
        _fill(clip, data, scene, frames=len(scene))
        with app(clip, data) as server, browser() as opened, editor(opened, server, scene) as tab:
            tab.page.wait_for_timeout(3 * _PREPARED_MS)
            for mix in _MIXES:
                chosen = [{"kind": kind, "target": target} for kind, target in mix]
                address = f"/api/media/{server.media}/effects"
                server.http.put(address, json={"effects": chosen}, headers={"origin": server.url}).raise_for_status()
                tab.page.keyboard.press("Home")
                tab.page.wait_for_timeout(_PREPARED_MS)
                tab.page.evaluate("probe.paintings.length = 0")
                tab.page.keyboard.press("Space")
                tab.page.wait_for_timeout(1000 * seconds)
                tab.page.keyboard.press("Space")
                played = tab.page.evaluate("probe.paintings")
                span = (played[-1]["at"] - played[0]["at"]) / 1000
                shares.append((len(played) - 1) / span / scene.fps)
                scripts.append(statistics.median(painting["script"] for painting in played))
    return {"effects": min(shares), "effects_script": max(scripts)}


def load() -> Figures:
    """The gallery with one video in a browser that has never seen it: bytes on the wire, time until it can be used."""
    bytes_, times = [], []
    with tempfile.TemporaryDirectory() as name:
        clip = make_clip(Path(name) / "scene.mp4", Scene(24, HEIGHT, WIDTH, 1))
        with app(clip, Path(name) / "data") as server, browser() as opened:
            for _ in range(9):
                context = opened.new_context()
                page = context.new_page()
                client = context.new_cdp_session(page)
                client.send("Network.enable")
                received: list[float] = []
                client.on("Network.loadingFinished", lambda event, all=received: all.append(event["encodedDataLength"]))
                page.add_init_script(_READY)
                page.goto(server.url)
                times.append(page.evaluate("window.ready"))
                page.wait_for_load_state("networkidle")
                bytes_.append(sum(received) / 1000)
                context.close()
    return {"load_bytes": statistics.median(bytes_), **_spread("load", times)}


@contextmanager
def _open(scene: Scene) -> Iterator[tuple[Server, Tab]]:
    """An app of its own with a clip of the scene, in a tab."""
    with tempfile.TemporaryDirectory() as folder:
        clip = make_clip(Path(folder) / "scene.mp4", scene)
        with app(clip, Path(folder) / "data") as server, browser() as opened, editor(opened, server, scene) as tab:
            yield server, tab


def _spread(name: str, times: Sequence[float]) -> Figures:
    return {name: statistics.median(times), f"{name}_p95": float(np.percentile(times, 95))}


def _encoder() -> float:
    """Median milliseconds of the image encoder, as a session uses it, with the frame's decoding and preparing."""
    scene = Scene(24, HEIGHT, WIDTH, 3)
    times: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        clip = make_clip(Path(folder) / "scene.mp4", scene)
        with VideoSession(load_model("nano", device="cpu"), clip) as session:
            for frame in range(len(scene)):
                began = time.perf_counter()
                session.features(frame)
                times.append(time.perf_counter() - began)
    return 1000 * statistics.median(times[3:])


def _track(tab: Tab) -> float:
    """Tracks from the first frame on, and returns the seconds that the run took."""
    began = time.monotonic()
    tab.page.keyboard.press("t")
    tab.page.wait_for_selector(".track-progress")
    tab.page.evaluate(_UNTIL_TRACKED)  # to look for the button at every refresh would take time from the tracking
    return time.monotonic() - began


def _fill(clip: Path, data: Path, scene: Scene, *, frames: int = 1) -> None:
    """A media with all objects' masks on its first frames, as if they had been drawn there."""
    data.mkdir()
    store = Store(f"sqlite:///{data / 'masklet.db'}")
    media = Library(store, data / "uploads", Limits()).open(clip)
    objects, masks = [], []
    for which in range(scene.objects):
        objects.append(ObjectRecord.new(which + 1, f"Disc {which}"))
        for frame in range(frames):
            mask = FrameMask.given(frame, Rle.encode(scene.mask(frame, which)))
            masks.append(MaskRecord(object=which + 1, frame=frame, mask=mask, edited=True))
    change = Change(objects=tuple(objects), masks=tuple(masks))
    store.append(media.id, None, kind="import", author="benchmark", payload={}, change=change)
    store.close()


def _browser_seconds() -> float:
    """Processor time that the browser's processes have spent."""
    spent = 0.0
    for process in psutil.Process().children(recursive=True):
        if "chrom" in process.name():
            times = process.cpu_times()
            spent += times.user + times.system
    return spent


_MIXES = (
    (("blur", "background"),),
    (("erase", 1),),
    (("desaturate", "background"), ("outline", "objects")),
    (("pixelate", "background"), ("spotlight", 1)),
    (("replace", "background"), ("gradient", "objects")),
)
"""Effects to play with: kinds and targets."""

_STEP = """(masks) => {
  const began = performance.now();
  document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight", bubbles: true }));
  return probe.find((it) => it.at > began && it.added === masks).then((it) => it.at - began);
}"""

_UNTIL_TRACKED = """new Promise((resolve) => {
  const look = () => { if (document.querySelector(".track-progress") === null) resolve(); };
  new MutationObserver(look).observe(document.body, { childList: true, subtree: true });
  look();
})"""

_MOVE = """(milliseconds) => new Promise((resolve) => {
  const overlay = document.querySelectorAll(".stage canvas")[1];
  const began = performance.now();
  probe.paintings.length = 0;
  let frame = 0;
  const move = () => {
    const deltaX = Math.floor(frame++ / 30) % 2 ? 2 : -2;
    overlay.dispatchEvent(new WheelEvent("wheel", { shiftKey: true, deltaX, bubbles: true, cancelable: true }));
    if (performance.now() - began < milliseconds) requestAnimationFrame(move);
    else resolve(probe.paintings);
  };
  move();
})"""
_RENDERER = """() => {
  const gl = document.createElement("canvas").getContext("webgl2");
  return gl.getParameter(gl.getExtension("WEBGL_debug_renderer_info").UNMASKED_RENDERER_WEBGL);
}"""
_READY = """window.ready = new Promise((resolve) => {
  const watch = () => {
    const usable = document.querySelector('a[href^="#/media/"]') !== null;
    requestAnimationFrame(usable ? () => resolve(performance.now()) : watch);
  };
  requestAnimationFrame(watch);
})"""
