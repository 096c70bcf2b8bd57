"""Time by component, and peak memory."""

from __future__ import annotations

import subprocess
import sys

import torch
from torch import nn

from masklet.metrics.timing import COMPONENTS, Clock, components
from masklet.model.configs import NANO
from masklet.model.sam2 import Sam2


def test_a_clock_counts_only_its_modules_and_only_until_it_is_removed() -> None:
    first, second = nn.Linear(64, 64), nn.Linear(64, 64)
    clock = Clock({"first": [first]})
    second(torch.zeros(8, 64))
    assert not clock.seconds
    first(torch.zeros(8, 64))
    spent = clock.seconds["first"]
    assert spent > 0
    clock.remove()
    first(torch.zeros(8, 64))
    assert clock.seconds == {"first": spent}


def test_a_model_has_all_components() -> None:
    model = Sam2(NANO.at(64)).eval()
    clock = Clock(components(model))
    with torch.inference_mode():
        model.encode_image(torch.zeros(1, 3, 64, 64))
    assert tuple(components(model)) == COMPONENTS
    assert list(clock.seconds) == ["image encoder"]


def test_peak_memory_remembers_what_was_held() -> None:
    script = (
        "from masklet.metrics.timing import peak_memory; before = peak_memory(); "
        "held = bytearray(1) * 2**28; del held; print(peak_memory() - before)"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert 250 < float(run.stdout) < 300
