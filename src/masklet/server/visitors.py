"""Who asks, and what they may see.

The visitor of a request is set once, by the middleware that knows them, and holds for all that is done on their behalf:
in the routes, in threads, in the worker's queue. Code that runs without a visitor fails rather than sees everything.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from starlette.types import ASGIApp, Receive, Scope, Send

from masklet.server.roots import NotServed
from masklet.store import LOCAL_PROJECT, Media, Store


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who asks: the name that goes into the history, and the number of a user. None: whoever sits at this machine, to
    whom everything belongs."""

    name: str
    user: int | None


_visitor: ContextVar[Visitor] = ContextVar("visitor")


def visitor() -> Visitor:
    """Who asks. Raises LookupError where nobody said so."""
    return _visitor.get()


@contextmanager
def acting_for(who: Visitor) -> Iterator[None]:
    """Within the block, and in what it starts, this is who asks."""
    token = _visitor.set(who)
    try:
        yield
    finally:
        _visitor.reset(token)


class AtThisMachine:
    """Middleware of a server without login: whoever reaches it sits at this machine."""

    def __init__(self, app: ASGIApp, name: str) -> None:
        self._app = app
        self._visitor = Visitor(name, None)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with acting_for(self._visitor):
            await self._app(scope, receive, send)


def seen_media(store: Store) -> list[Media]:
    """The media that the visitor may see, newest first."""
    who = visitor().user
    return store.media() if who is None else store.media_of(who)


def find_media(store: Store, media_id: str) -> Media | None:
    """A media, if the visitor may see it: who may not is told the same as for one that is not there."""
    who = visitor().user
    media = store.find_media(media_id)
    if media is None or (who is not None and not store.accounts.is_member(who, media.project_id)):
        return None
    return media


def chosen_project(store: Store, project_id: str | None) -> str:
    """The project into which the visitor brings something; theirs where they name none.

    Raises
    ------
    NotServed
        There is no such project, or they are no member.
    """
    who = visitor().user
    accounts = store.accounts
    if project_id is None:
        return LOCAL_PROJECT if who is None else accounts.home(who)
    if not (accounts.is_project(project_id) if who is None else accounts.is_member(who, project_id)):
        raise NotServed("there is no such project")
    return project_id
