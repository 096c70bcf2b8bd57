"""Fixtures shared by every room's tests."""

from __future__ import annotations

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of golden outputs, pictures and clips that lies beside a checkout of the project."""
    if not SHARED.is_dir():
        pytest.skip(f"needs the shared folder beside the checkout ({SHARED.name}/ is absent)")
    return SHARED
