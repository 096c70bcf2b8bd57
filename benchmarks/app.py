"""The app's figures, measured in a real browser: `python -m benchmarks.app`, or some of its parts by name.

Needs chromium and the extras `app` and `dev`. What was measured is kept part by part in results/app.json.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

FILE = Path(__file__).parent / "results" / "app.json"
PARTS = ("clicks", "hover", "tracking", "layer", "playback", "effects", "load", "sessions")


@dataclass(frozen=True, slots=True)
class Target:
    """A figure as it is printed; at `most` or at `least` is wanted of it, or nothing."""

    name: str
    unit: str
    most: float | None = None
    least: float | None = None

    def verdict(self, value: float) -> str:
        if self.most is None and self.least is None:
            return ""
        good = (self.most is None or value <= self.most) and (self.least is None or value >= self.least)
        return "yes" if good else "no"

    @property
    def wanted(self) -> str:
        if self.most is not None:
            return f"<= {self.most:g} {self.unit}".rstrip()
        return "" if self.least is None else f">= {self.least:g} {self.unit}".rstrip()


TARGETS = {
    "click": Target("click on a visited frame: pointer up to mask on the screen, median", "ms", most=50),
    "click_p95": Target("the same, 95th percentile", "ms", most=100),
    "further": Target("further click on the object, median", "ms", most=50),
    "further_p95": Target("the same, 95th percentile", "ms", most=100),
    "encoder": Target("image encoder with reading the frame, in a process of its own", "ms"),
    "cold": Target("click on a cold frame, median", "ms"),
    "cold_p95": Target("the same, 95th percentile", "ms"),
    "cold_more": Target("click on a cold frame, more than the image encoder", "ms", most=50),
    "previews": Target("hover previews", "a second", least=30),
    "hovering": Target("click while the pointer wanders, median", "ms", most=50),
    "hovering_p95": Target("the same, 95th percentile", "ms", most=100),
    "hover_delay": Target("click while the pointer wanders, more than at rest", "ms"),
    "track": Target("`masklet track`", "frames/s"),
    "tracking": Target("tracking with the page open", "frames/s"),
    "tracking_share": Target("tracking with the page open, of `masklet track`", "", least=0.9),
    "watched": Target("paintings of the page meanwhile", "a second"),
    "layer": Target("mask layer, 20 objects, 1080p, moved", "frames/s", least=60),
    "layer_script": Target("a painting: time in the page's script", "ms"),
    "layer_processor": Target("a painting: processor time of all the browser's processes", "ms"),
    "played": Target("1080p with 20 masks a frame, played: frames seen with all masks, of all", "", least=0.95),
    "step": Target("the same, a step to the next frame, median", "ms", most=50),
    "step_p95": Target("the same, 95th percentile", "ms"),
    "drag": Target("the cursor dragged over 300 such frames: until the last is shown, at most", "ms", most=1000),
    "effects": Target(
        "played with the slowest of five mixes of effects, two objects: frames seen, of all", "", least=0.9
    ),
    "effects_script": Target("the same, a painting: time in the page's script", "ms"),
    "load_bytes": Target("first page load, on the wire", "kB", most=300),
    "load": Target("first page load, until the gallery can be used, median", "ms", most=1000),
    "load_p95": Target("the same, 95th percentile", "ms"),
    "sessions_errors": Target("ten sessions at once: commands that failed", "", most=0),
    "sessions_click": Target("ten sessions at once: click to mask, median", "ms"),
    "sessions_click_p95": Target("the same, 95th percentile", "ms"),
    "sessions_frames": Target("ten sessions at once: tracked, all together", "frames/s"),
    "sessions_before": Target("server's resident memory before", "MB"),
    "sessions_peak": Target("at most", "MB"),
    "sessions_after": Target("after the sessions have expired", "MB"),
}


def section() -> str:
    """The table for RESULTS.md; empty where nothing was measured."""
    kept = _kept()
    figures: dict[str, Any] = {key: value for part in kept.values() for key, value in part["figures"].items()}
    if not figures:
        return ""
    dates = sorted({part["date"] for part in kept.values()})
    lines = [
        "## The app in a browser",
        "",
        f"`python -m benchmarks.app`, {' and '.join(dates)}: nano, `masklet app` and chromium on the same machine, "
        "1280x720 where nothing else is said. Without a graphics card the page, too, is painted by the processor"
        + (f" (here: {figures['renderer']})." if "renderer" in figures else "."),
        "",
        "| | found | wanted | reached |",
        "|---|---|---|---|",
    ]
    for key, target in TARGETS.items():
        if key in figures:
            value = figures[key]
            found = f"{value:.3g} {target.unit}".rstrip() if value < 1000 else f"{value:.0f} {target.unit}"
            lines.append(f"| {target.name} | {found} | {target.wanted} | {target.verdict(value)} |")
    return "\n".join((*lines, ""))


def store(part: str, figures: Mapping[str, Any]) -> None:
    """Keeps what a part has measured."""
    kept = _kept()
    kept[part] = {"date": datetime.now(UTC).date().isoformat(), "figures": dict(figures)}
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(json.dumps(kept, indent=1) + "\n")


def _kept() -> dict[str, Any]:
    return json.loads(FILE.read_text()) if FILE.exists() else {}


def main() -> None:
    from benchmarks import app_parts, app_sessions, report

    parser = argparse.ArgumentParser(prog="python -m benchmarks.app", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)}; default: all")
    parser.add_argument("--no-store", action="store_true", help="only print what is measured")
    options = parser.parse_args()
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"expected {', '.join(PARTS)}, got {', '.join(sorted(unknown))}")
    measure = {name: getattr(app_parts, name) for name in PARTS[:-1]} | {"sessions": app_sessions.sessions}
    for name in options.parts or PARTS:
        began = time.monotonic()
        figures = measure[name]()
        print(f"{name} ({time.monotonic() - began:.0f} s)")
        for key, value in figures.items():
            if key in TARGETS:
                target = TARGETS[key]
                print(f"  {value:8.1f} {target.unit:10} {target.name} {target.wanted} {target.verdict(value)}".rstrip())
            else:
                print(f"  {key}: {value}")
        if not options.no_store:
            store(name, figures)
            report.write()


if __name__ == "__main__":
    main()
