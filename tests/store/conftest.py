"""A store on SQLite, and the same on PostgreSQL where its server is installed."""

from __future__ import annotations

import getpass
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from masklet.store import Store

_PLACES = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The address of a PostgreSQL server of this run alone, which listens on a Unix socket."""
    found = shutil.which("initdb")
    place = Path(found).parent if found else next((p for p in _PLACES if (p / "initdb").exists()), None)
    if place is None:
        pytest.skip("needs PostgreSQL's server: apt-get install postgresql")
    user = getpass.getuser()
    as_user: list[str] = []
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        if subprocess.run(["id", "-u", "postgres"], capture_output=True, check=False).returncode:
            pytest.skip("PostgreSQL does not run as root, and there is no user postgres")
        user, as_user = "postgres", ["runuser", "-u", "postgres", "--"]
    # Not pytest's own folder: its parents are closed to other users, and its path may be too long for a socket.
    folder = Path(tempfile.mkdtemp(prefix="masklet-"))
    if as_user:
        shutil.chown(folder, user)

    def run(program: str, *words: str) -> None:
        done = subprocess.run([*as_user, str(place / program), *words], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    data = str(folder / "data")
    run("initdb", "-D", data, "-A", "trust", "-U", user, "--no-sync")
    options = f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off"
    run("pg_ctl", "-D", data, "-o", options, "-l", str(folder / "log"), "-w", "start")
    try:
        yield f"host={folder} user={user}"
    finally:
        run("pg_ctl", "-D", data, "-m", "immediate", "stop")
        shutil.rmtree(folder)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'work.db'}"
        return
    address = request.getfixturevalue("postgres")
    host, user = (part.partition("=")[2] for part in address.split())
    with psycopg.connect(f"{address} dbname=postgres", autocommit=True) as connection:
        connection.execute("DROP DATABASE IF EXISTS work")
        connection.execute("CREATE DATABASE work")
    yield f"postgresql+psycopg://{user}@/work?host={host}"


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    opened = Store(url)
    yield opened
    opened.close()
