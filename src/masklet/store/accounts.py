"""Users, their tokens and logins, and the projects that they share."""

from __future__ import annotations

import re
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, delete, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from masklet.store.credentials import credential_of, matches, new_secret
from masklet.store.database import reading, writing
from masklet.store.records import Project, User
from masklet.store.tables import logins, members, projects, users

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
_USER = (users.c.id, users.c.name, users.c.created)


class Accounts:
    """Who may come in, and what belongs to whom; for any number of threads. See `Store.accounts`.

    A user has one token, for programs and to log in with, and a project. A login is what a browser holds in its
    place; it ends by itself. The store keeps hashes of both.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    # -- users --------------------------------------------------------------------------------------------------------

    def add_user(self, name: str) -> tuple[User, str]:
        """Makes a user with a project of their own; returns the token, which nobody can read again.

        Raises
        ------
        ValueError
            The name is taken, or no name.
        """
        if _NAME.fullmatch(name) is None:
            raise ValueError(f"a name has up to 64 letters, digits and . _ @ -, and begins with one; got {name!r}")
        token, kept = new_secret()
        now = datetime.now(UTC)
        try:
            with writing(self._engine) as connection:
                row = connection.execute(
                    insert(users)
                    .values(name=name, selector=kept.selector, hash=kept.hash, created=now)
                    .returning(users.c.id)
                ).one()
                self._add_project(connection, row.id, name, now)
        except IntegrityError:
            raise ValueError(f"there is a user {name!r} already") from None
        return User(id=row.id, name=name, created=now), token

    def users(self) -> list[User]:
        """All users by name."""
        with reading(self._engine) as connection:
            return [_user(row) for row in connection.execute(select(*_USER).order_by(users.c.name))]

    def renew_token(self, name: str) -> str:
        """A new token in place of the old one; all logins end. Raises ValueError where there is no such user."""
        token, kept = new_secret()
        with writing(self._engine) as connection:
            number = self._user_id(connection, name)
            connection.execute(update(users).where(users.c.id == number).values(selector=kept.selector, hash=kept.hash))
            connection.execute(delete(logins).where(logins.c.user_id == number))
        return token

    def remove_user(self, name: str) -> None:
        """Removes a user with all logins; projects and their media stay. Raises ValueError where there is none."""
        with writing(self._engine) as connection:
            connection.execute(delete(users).where(users.c.id == self._user_id(connection, name)))

    # -- tokens and logins --------------------------------------------------------------------------------------------

    def user_of_token(self, token: str) -> User | None:
        """Whose token this is."""
        return self._whose(token, select(*_USER, users.c.hash), users.c.selector)

    def begin_login(self, user: User, seconds: float) -> str:
        """A new login that lasts for so long: the secret for the browser's cookie."""
        text, kept = new_secret()
        now = datetime.now(UTC)
        expires = now + timedelta(seconds=seconds)
        with writing(self._engine) as connection:
            connection.execute(delete(logins).where(logins.c.expires <= now))
            connection.execute(
                insert(logins).values(selector=kept.selector, hash=kept.hash, user_id=user.id, expires=expires)
            )
        return text

    def user_of_login(self, login: str) -> User | None:
        """Whose login this is, if it has not ended."""
        found = select(*_USER, logins.c.hash).join(logins, logins.c.user_id == users.c.id)
        return self._whose(login, found.where(logins.c.expires > datetime.now(UTC)), logins.c.selector)

    def end_login(self, login: str) -> None:
        """Ends a login; a secret that is none changes nothing."""
        try:
            given = credential_of(login)
        except ValueError:
            return
        with writing(self._engine) as connection:
            ours = logins.c.selector == given.selector
            kept = connection.execute(select(logins.c.hash).where(ours)).scalar_one_or_none()
            if matches(given, kept):
                connection.execute(delete(logins).where(ours))

    # -- projects -----------------------------------------------------------------------------------------------------

    def home(self, user: int) -> str:
        """The project that a user's media go to where none is named: the oldest of their own."""
        with reading(self._engine) as connection:
            own = select(projects.c.id).where(projects.c.owner_id == user).order_by(projects.c.created, projects.c.id)
            found = connection.execute(own.limit(1)).scalar_one_or_none()
        if found is None:
            raise ValueError("the user has no project")
        return found

    def projects(self, user: int | None = None) -> list[Project]:
        """The projects that a user is a member of, or all; the oldest first."""
        wanted = select(projects, users.c.name.label("owner")).outerjoin(users, users.c.id == projects.c.owner_id)
        if user is not None:
            wanted = wanted.where(projects.c.id.in_(select(members.c.project_id).where(members.c.user_id == user)))
        with reading(self._engine) as connection:
            rows = connection.execute(wanted.order_by(projects.c.created, projects.c.id)).all()
            pairs = connection.execute(
                select(members.c.project_id, users.c.name)
                .join(users, users.c.id == members.c.user_id)
                .where(members.c.project_id.in_([row.id for row in rows]))
                .order_by(users.c.name)
            ).all()
        return [
            Project(
                id=row.id,
                name=row.name,
                owner=row.owner,
                members=tuple(name for project_id, name in pairs if project_id == row.id),
                created=row.created,
            )
            for row in rows
        ]

    def add_project(self, owner: int, name: str) -> str:
        """Makes a project whose only member is its owner; returns its id."""
        with writing(self._engine) as connection:
            return self._add_project(connection, owner, name, datetime.now(UTC))

    def rename_project(self, project_id: str, name: str) -> None:
        """Gives a project another name. Raises ValueError where there is no such project."""
        with writing(self._engine) as connection:
            self._check_project(connection, project_id)
            connection.execute(update(projects).where(projects.c.id == project_id).values(name=name))

    def is_project(self, project_id: str) -> bool:
        with reading(self._engine) as connection:
            return connection.execute(select(projects.c.id).where(projects.c.id == project_id)).first() is not None

    def is_member(self, user: int, project_id: str) -> bool:
        with reading(self._engine) as connection:
            wanted = select(members.c.user_id).where(members.c.user_id == user, members.c.project_id == project_id)
            return connection.execute(wanted).one_or_none() is not None

    def add_member(self, project_id: str, name: str) -> None:
        """Lets a user see and edit a project; who is a member already stays one.

        Raises
        ------
        ValueError
            No such project or user.
        """
        with writing(self._engine) as connection:
            self._check_project(connection, project_id)
            row = {"project_id": project_id, "user_id": self._user_id(connection, name)}
            there = select(members).filter_by(**row)
            if connection.execute(there).one_or_none() is None:
                connection.execute(insert(members).values(row))

    def remove_member(self, project_id: str, name: str) -> None:
        """Takes a project away from a user. Raises ValueError where they are no member, or its owner."""
        with writing(self._engine) as connection:
            self._check_project(connection, project_id)
            number = self._user_id(connection, name)
            mine = or_(projects.c.owner_id.is_(None), projects.c.owner_id != number)
            if connection.execute(select(projects.c.id).where(projects.c.id == project_id, mine)).first() is None:
                raise ValueError(f"{name!r} owns the project, and stays in it")
            gone = delete(members).where(members.c.project_id == project_id, members.c.user_id == number)
            if not connection.execute(gone).rowcount:
                raise ValueError(f"{name!r} is no member of the project")

    # -- inside -------------------------------------------------------------------------------------------------------

    def _whose(self, text: str, found: Any, selector: Any) -> User | None:
        try:
            given = credential_of(text)
        except ValueError:
            return None
        with reading(self._engine) as connection:
            row = connection.execute(found.where(selector == given.selector)).one_or_none()
        if not matches(given, None if row is None else row.hash):
            return None
        assert row is not None
        return _user(row)

    def _add_project(self, connection: Connection, owner: int, name: str, now: datetime) -> str:
        number = secrets.token_hex(12)
        connection.execute(insert(projects).values(id=number, name=name, owner_id=owner, created=now))
        connection.execute(insert(members).values(project_id=number, user_id=owner))
        return number

    def _user_id(self, connection: Connection, name: str) -> int:
        number = connection.execute(select(users.c.id).where(users.c.name == name)).scalar_one_or_none()
        if number is None:
            raise ValueError(f"there is no user {name!r}")
        return number

    def _check_project(self, connection: Connection, project_id: str) -> None:
        if connection.execute(select(projects.c.id).where(projects.c.id == project_id)).one_or_none() is None:
            raise ValueError(f"there is no project {project_id!r}")


def _user(row: Any) -> User:
    return User(id=row.id, name=row.name, created=row.created)
