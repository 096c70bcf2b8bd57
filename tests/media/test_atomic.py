"""Files appear whole or not at all."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys

import pytest

from masklet.media import MediaError, atomic_path, write_bytes, write_text


def names(folder):
    return sorted(p.name for p in folder.iterdir())


@pytest.mark.parametrize("sync", [False, True])
def test_replaces_at_the_end(tmp_path, sync):
    target = tmp_path / "a.json"
    target.write_text("old")
    with atomic_path(target, sync=sync) as temporary:
        assert temporary.parent == tmp_path
        assert temporary.suffix == ".json"
        temporary.write_text("new")
        assert target.read_text() == "old"
    assert target.read_text() == "new"
    assert names(tmp_path) == ["a.json"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_an_error_leaves_the_old_file(tmp_path, error):
    target = tmp_path / "a.json"
    target.write_text("old")

    def fail():
        with atomic_path(target) as temporary:
            temporary.write_text("half")
            raise error

    with pytest.raises(error):
        fail()
    assert target.read_text() == "old"
    assert names(tmp_path) == ["a.json"]


def test_permissions_follow_the_umask(tmp_path):
    before = os.umask(0o027)
    try:
        write_text(tmp_path / "a.txt", "ä")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a.txt").stat().st_mode) == 0o640
    assert (tmp_path / "a.txt").read_bytes() == "ä".encode()


def test_targets_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "folder.bin").mkdir()
    for target, reason in {
        tmp_path / "none" / "a.bin": "the folder .*none does not exist",
        tmp_path / "file" / "a.bin": ".*file is not a folder",
        tmp_path / "folder.bin": "there is a folder of that name",
        tmp_path / ("x" * 300): "file name too long",
    }.items():
        with pytest.raises(MediaError, match=f"cannot write .*: {reason}") as error:
            write_bytes(target, b"1")
        assert "\n" not in str(error.value)
    assert names(tmp_path) == ["file", "folder.bin"]


def test_a_full_disk(tmp_path):
    target = tmp_path / "a.bin"

    def fail():
        with atomic_path(target) as temporary:
            temporary.write_bytes(b"half")
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(MediaError, match=r"cannot write .*a\.bin: no space left on device"):
        fail()
    assert names(tmp_path) == []


def test_errors_about_other_files_pass_unchanged(tmp_path):
    def fail():
        with atomic_path(tmp_path / "a.bin"):
            (tmp_path / "other").read_bytes()

    with pytest.raises(FileNotFoundError, match="other"):
        fail()
    assert names(tmp_path) == []


def test_killed_in_the_middle(tmp_path):
    target = tmp_path / "a.bin"
    target.write_bytes(b"old")
    script = (
        "import os, sys\nfrom masklet.media import atomic_path\n"
        "with atomic_path(sys.argv[1]) as p:\n    p.write_bytes(b'half')\n    os.kill(os.getpid(), 9)\n"
    )
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    assert subprocess.run([sys.executable, "-c", script, str(target)], check=False, env=env).returncode != 0
    assert target.read_bytes() == b"old"
    assert all(n == "a.bin" or n.startswith(".") for n in names(tmp_path))
