"""Opening a database: its engine, its pragmas, its schema."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

_WRITES = "masklet_writes"
_MIGRATES = "masklet_migrates"


def open_engine(url: str) -> Engine:
    """An engine for a database whose schema is up to date, made if missing.

    Raises ValueError for something that is no database URL, or whose driver is not installed.
    """
    try:
        parsed = make_url(url)
        sqlite = parsed.get_backend_name() == "sqlite"
        engine = create_engine(parsed, connect_args={"timeout": 30} if sqlite else {})
    except (ArgumentError, NoSuchModuleError, ImportError) as error:
        raise ValueError(f"expected the URL of a database such as sqlite:///work.db, got {url!r} ({error})") from None
    if sqlite:
        event.listen(engine, "connect", _prepare)
        event.listen(engine, "begin", _begin)
    upgrade(engine)
    return engine


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Brings the schema up to a revision of `migrations/`."""
    with _migrating(engine) as config:
        command.upgrade(config, revision)


def downgrade(engine: Engine, revision: str) -> None:
    """Takes the schema back to an earlier revision."""
    with _migrating(engine) as config:
        command.downgrade(config, revision)


@contextmanager
def _migrating(engine: Engine) -> Iterator[Config]:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    sqlite = engine.dialect.name == "sqlite"
    with engine.connect().execution_options(**{_WRITES: True, _MIGRATES: True}) as connection:
        try:
            with connection.begin():
                config.attributes["connection"] = connection
                yield config
                if sqlite and (broken := connection.exec_driver_sql("PRAGMA foreign_key_check").first()) is not None:
                    raise RuntimeError(f"the migration leaves a row of {broken[0]} that belongs to no {broken[2]}")
        finally:
            connection.invalidate()  # nobody else is to get a connection whose foreign keys are off


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that will write. In SQLite it takes the lock at once: one that upgrades later could be refused."""
    with engine.connect().execution_options(**{_WRITES: True}) as connection, connection.begin():
        yield connection


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A transaction that sees one state of the database."""
    with engine.connect() as connection, connection.begin():
        yield connection


def _prepare(connection: Any, _: object) -> None:
    connection.isolation_level = None  # the driver is not to begin transactions by itself: `_begin` does
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _begin(connection: Connection) -> None:
    options = connection.get_execution_options()
    if options.get(_MIGRATES, False):
        # SQLite changes a table by making it anew and dropping the old one, which would delete all that refers to it.
        connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get(_WRITES, False) else "BEGIN")
