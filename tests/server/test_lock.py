"""One server for a data folder."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from masklet.server.lock import sole_server

HOLD = """
import sys
from pathlib import Path
from masklet.server.lock import sole_server
with sole_server(Path(sys.argv[1]), "http://127.0.0.1:1"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_server_on_a_folder_is_refused_and_told_of_the_first(tmp_path: Path) -> None:
    with sole_server(tmp_path, "http://127.0.0.1:1234"):
        refused = pytest.raises(ValueError, match=r"another server works in .*http://127\.0\.0\.1:1234.*--data")
        with refused, sole_server(tmp_path, "http://127.0.0.1:5678"):
            pytest.fail("two at once")
        (tmp_path / "other").mkdir()
        with sole_server(tmp_path / "other", "x"):
            pass
    with sole_server(tmp_path, "x"):
        pass


def test_a_server_that_was_killed_locks_nobody_out(tmp_path: Path) -> None:
    words = [sys.executable, "-c", HOLD, str(tmp_path)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with pytest.raises(ValueError, match=f"process {process.pid}"), sole_server(tmp_path, "x"):
            pass
    finally:
        process.kill()
        process.communicate()
    with sole_server(tmp_path, "x"):
        pass
