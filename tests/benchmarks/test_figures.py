from __future__ import annotations

from typing import Any

import pytest
from benchmarks.figures import PARTS, TARGETS, TINY, Target, derived, section
from benchmarks.memory_curve import Curve


def row(dtype: str, objects: int, side: str, frame: float, encoder: float = 0.5) -> dict[str, Any]:
    return {"model": TINY, "dtype": dtype, "objects": objects, "side": side, "frame": frame, "image encoder": encoder}


def test_what_follows_from_components_and_curves():
    rows = [
        row("fp32", 1, "masklet", 2),
        row("fp32", 1, "transformers", 5),
        row("bf16", 1, "masklet", 1, 0.25),
        row("bf16", 1, "transformers", 3, 1),
        row("bf16", 4, "masklet", 2),
        row("bf16", 16, "masklet", 16),
    ]
    curves = {"on": (400.0, 450.0), "off": (400.0, 410.0), "tiny": (900.0, 903.0)}
    found = derived(rows, {name: Curve((100, 200), resident) for name, resident in curves.items()})
    expected = {"fp32": 2.5, "bf16": 3, "objects_4": 2, "objects_16": 0.5, "encoder": 4, "memory": 50, "memory_tiny": 3}
    assert found == pytest.approx(expected)


def test_nothing_follows_from_nothing():
    assert derived([row("bf16", 4, "masklet", 2)], {}) == {}


@pytest.mark.parametrize(
    ("target", "value", "verdict"),
    [
        (Target("", "x", 2, 4), 4.0, "aim"),
        (Target("", "x", 2, 4), 3.9, "yes"),
        (Target("", "x", 2, 4), 1.9, "no"),
        (Target("", "ms", 15, 8, most=True), 8.0, "aim"),
        (Target("", "ms", 15, 8, most=True), 15.0, "yes"),
        (Target("", "ms", 15, 8, most=True), 15.1, "no"),
    ],
)
def test_verdicts(target: Target, value: float, verdict: str):
    assert target.verdict(value) == verdict


def test_the_table_has_all_targets_and_leaves_open_what_was_not_measured():
    lines = section({"click_nano": 9.0}).splitlines()
    assert sum(line.startswith("| ") for line in lines) == 1 + len(TARGETS)
    assert "| click on a prepared frame, nano | 9 ms | <= 15 ms | <= 8 ms | yes |" in lines
    assert "| click on a prepared frame, tiny |  | <= 80 ms | <= 40 ms |  |" in lines


def test_every_target_is_measured_by_one_part_or_follows():
    measured = [key for part in PARTS.values() for key in part.keys]
    follow = {"fp32", "bf16", "objects_4", "objects_16", "encoder", "memory", "memory_tiny"}
    assert sorted([*measured, *follow]) == sorted(TARGETS)
