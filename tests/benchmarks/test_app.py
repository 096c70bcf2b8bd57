"""The table of the app's figures."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import app


@pytest.fixture
def file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(app, "FILE", tmp_path / "app.json")
    return app.FILE


@pytest.mark.parametrize(
    ("key", "value", "verdict"),
    [
        ("click", 50, "yes"),
        ("click", 51, "no"),
        ("tracking_share", 0.9, "yes"),
        ("layer", 59, "no"),
        ("encoder", 1, ""),
    ],
)
def test_what_is_wanted_is_a_limit_on_either_side(key: str, value: float, verdict: str) -> None:
    assert app.TARGETS[key].verdict(value) == verdict


def test_the_table_has_what_was_measured_and_nothing_else(file: Path) -> None:
    assert app.section() == ""
    app.store("load", {"load_bytes": 120.4, "load": 1234.5})
    app.store("layer", {"layer": 61.0, "renderer": "Some card"})
    app.store("load", {"load_bytes": 120.4, "load": 345.6})
    assert file.exists()
    rows = [line for line in app.section().splitlines() if line.startswith("| ")][1:]
    assert rows == [
        f"| {app.TARGETS['layer'].name} | 61 frames/s | >= 60 frames/s | yes |",
        f"| {app.TARGETS['load_bytes'].name} | 120 kB | <= 300 kB | yes |",
        f"| {app.TARGETS['load'].name} | 346 ms | <= 1000 ms | yes |",
    ]
    assert "Some card" in app.section()
