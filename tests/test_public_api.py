"""Pins what `import masklet` offers and what it does not drag in."""

from __future__ import annotations

import subprocess
import sys

import pytest

import masklet

PUBLIC = ["ImagePredictor", "Masklet", "Rle", "VideoSession", "__version__", "load_model", "open_clip"]


def test_the_public_names_are_these():
    assert sorted(masklet.__all__) == PUBLIC
    assert set(PUBLIC) <= set(dir(masklet))


@pytest.mark.parametrize("name", [name for name in PUBLIC if name != "__version__"])
def test_every_public_name_resolves_to_a_documented_object(name: str):
    value = getattr(masklet, name)
    assert value.__name__ == name
    assert value.__doc__


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no_such_thing"):
        masklet.no_such_thing  # noqa: B018


@pytest.mark.parametrize("statement", ["import masklet", "import masklet.cli.main"])
def test_importing_loads_nothing_heavy(statement: str):
    code = f"import sys; {statement}; print([m for m in ('torch', 'cv2', 'av', 'numpy', 'PIL') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
