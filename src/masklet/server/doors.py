"""The door of a server for a team: who comes in, how often they may ask, and who tries too often."""

from __future__ import annotations

import asyncio
import logging
import math
from http.cookies import CookieError, SimpleCookie
from typing import Any

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from masklet.server.rates import Rates, neighbourhood
from masklet.server.settings import Access
from masklet.server.tally import Tally
from masklet.server.visitors import Visitor, acting_for
from masklet.store import Accounts, User

logger = logging.getLogger("masklet.server")

SIGNED_OUT = 4401
TOO_MANY = 4429
_READS = {"GET", "HEAD"}
_OPEN_READS = {"/", "/healthz"}
_BEARER = "bearer "


class Doorkeeper:
    """Knows people by their token (`Authorization: Bearer`) or by the cookie of their login.

    Parameters
    ----------
    accounts
        The users.
    access
        How they log in and how often they may ask.
    tally
        Where it is counted how often they do.
    """

    def __init__(self, accounts: Accounts, access: Access, tally: Tally) -> None:
        self._accounts = accounts
        self._access = access
        # A prefix that browsers let no other host of a domain set, where the connection is encrypted.
        self.cookie = "__Host-masklet" if access.secure else "masklet"
        self.requests = Rates(tally, "requests", access.requests_per_second, access.requests_at_once)
        self._logins = Rates(tally, "logins", access.attempts_per_minute / 60, access.attempts_at_once)
        self._bearers = Rates(tally, "bearers", access.attempts_per_minute / 60, access.attempts_at_once)

    async def identify(self, connection: HTTPConnection) -> Visitor | None:
        """Who asks, by what the request carries; None for nobody. Raises TooOften for who guesses tokens."""
        bearer = bearer_of(connection.headers)
        if bearer is not None:
            user = await self._by_token(bearer, self._bearers, address_of(connection))
        else:
            login = self.login_of(connection)
            user = None if login is None else await asyncio.to_thread(self._accounts.user_of_login, login)
        return None if user is None else Visitor(user.name, user.id)

    async def log_in(self, token: str, address: str) -> tuple[User, str] | None:
        """A user and the secret of their new login; None for a token that is nobody's. Raises TooOften."""
        user = await self._by_token(token, self._logins, address)
        if user is None:
            logger.warning("a login was refused", extra={"address": address})
            return None
        logger.info("login", extra={"user": user.name, "address": address})
        return user, await asyncio.to_thread(self._accounts.begin_login, user, self._access.login_seconds)

    async def log_out(self, connection: HTTPConnection) -> None:
        """Ends the login of the request's cookie."""
        login = self.login_of(connection)
        if login is not None:
            await asyncio.to_thread(self._accounts.end_login, login)

    def login_of(self, connection: HTTPConnection) -> str | None:
        """What the request's cookie holds."""
        found: SimpleCookie = SimpleCookie()
        try:
            found.load(connection.headers.get("cookie", ""))
        except CookieError:
            return None
        return found[self.cookie].value if self.cookie in found else None

    async def _by_token(self, token: str, rates: Rates, address: str) -> User | None:
        # Taken before the look and given back after it: many guesses at once are many all the same.
        wait = rates.take(address)
        if wait:
            raise TooOften("too many attempts with wrong tokens", wait)
        user = await asyncio.to_thread(self._accounts.user_of_token, token)
        if user is not None:
            rates.give_back(address)
        return user


class TooOften(Exception):
    """Somebody asks too often; `wait` says after how many seconds they may again."""

    def __init__(self, message: str, wait: float) -> None:
        super().__init__(message)
        self.retry_after = str(max(1, math.ceil(wait)))


class Door:
    """Middleware: lets in who is known, each so often; the login page is open to everybody."""

    def __init__(self, app: ASGIApp, keeper: Doorkeeper) -> None:
        self._app = app
        self._keeper = keeper

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        try:
            who = await self._keeper.identify(connection)
            known = None if who is None else who.user
            wait = self._keeper.requests.take(address_of(connection) if known is None else known)
            if wait:
                raise TooOften("too many requests", wait)
        except TooOften as error:
            headers = {"Retry-After": error.retry_after}
            await _refuse(scope, receive, send, 429, TOO_MANY, str(error), headers)
            return
        if who is None and not _is_open(scope):
            headers = {"WWW-Authenticate": 'Bearer realm="masklet"'}
            await _refuse(scope, receive, send, 401, SIGNED_OUT, "log in first", headers)
        elif _is_written_by_cookie(scope, connection.headers) and "origin" not in connection.headers:
            # Browsers always say where a write comes from; programs have tokens.
            await _refuse(scope, receive, send, 403, SIGNED_OUT, "expected an Origin with a write that has a cookie")
        elif who is None:
            await self._app(scope, receive, send)
        else:
            with acting_for(who):
                await self._app(scope, receive, send)


def bearer_of(headers: Headers) -> str | None:
    """The token of a request; "" where its Authorization is of another kind."""
    given = headers.get("authorization")
    if given is None:
        return None
    return given[len(_BEARER) :].strip() if given[: len(_BEARER)].lower() == _BEARER else ""


def address_of(connection: HTTPConnection) -> str:
    """Where a request comes from, as far as counting goes."""
    return neighbourhood(connection.client.host) if connection.client is not None else ""


def _is_open(scope: Scope) -> bool:
    if scope["type"] != "http":
        return False
    path = scope["path"]
    if scope["method"] in _READS:
        return path in _OPEN_READS or path.startswith("/assets/")
    return scope["method"] == "POST" and path == "/api/login"


def _is_written_by_cookie(scope: Scope, headers: Headers) -> bool:
    writes = scope["type"] == "websocket" or scope["method"] not in _READS
    return writes and "cookie" in headers and "authorization" not in headers


async def _refuse(
    scope: Scope,
    receive: Receive,
    send: Send,
    status: int,
    code: int,
    message: str,
    headers: dict[str, str] | None = None,
) -> None:
    if scope["type"] == "http":
        await JSONResponse({"error": message}, status_code=status, headers=headers)(scope, receive, send)
        return
    # A browser tells its page nothing of a handshake that fails: the reason goes with the end of a connection.
    answers: tuple[dict[str, Any], ...] = (
        {"type": "websocket.accept"},
        {"type": "websocket.close", "code": code, "reason": message},
    )
    await receive()
    for answer in answers:
        await send(answer)
