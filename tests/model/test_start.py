"""What loading a model does not do."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from masklet.model.checkpoints import save
from masklet.model.configs import NANO
from masklet.model.sam2 import build


def test_loading_does_not_import_the_compiler(tmp_path: Path):
    save(build(NANO.at(64)), tmp_path / "model.safetensors")
    code = (
        "import sys; from masklet.model.checkpoints import load; "
        f"load({str(tmp_path / 'model.safetensors')!r}); print('torch._dynamo' in sys.modules)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"
