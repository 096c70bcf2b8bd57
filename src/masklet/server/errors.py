"""Errors as the page gets them: a status and `{"error": "one line"}`."""

from __future__ import annotations

import logging
from typing import cast

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from masklet.media import MediaError
from masklet.server.apart import Unfit
from masklet.server.exports import Busy
from masklet.server.library import OutOfStep, TooLarge
from masklet.server.roots import NotServed
from masklet.server.seats import Crowded
from masklet.store import Conflict

logger = logging.getLogger("masklet.server")

_STATUS: dict[type[Exception], int] = {
    NotServed: 404,
    TooLarge: 413,
    OutOfStep: 409,
    Conflict: 409,
    Unfit: 415,
    Busy: 503,
    Crowded: 503,
    MediaError: 409,  # media that are in the store could be read once
    ValueError: 422,
}


class Refused(HTTPException):
    """A request that cannot be served, with its status and headers."""

    def __init__(self, status: int, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(status, message, headers)


def install(app: FastAPI) -> None:
    """Turns every error of the app's routes into its answer."""

    async def http_error(_: Request, error: Exception) -> JSONResponse:
        known = cast("HTTPException", error)
        return _answer(known.status_code, str(known.detail), dict(known.headers or {}))

    async def invalid(_: Request, error: Exception) -> JSONResponse:
        first = cast("RequestValidationError", error).errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        return _answer(422, f"{place}: {first['msg']}")

    async def refused(_: Request, error: Exception) -> JSONResponse:
        status = next(status for kind, status in _STATUS.items() if isinstance(error, kind))
        return _answer(status, str(error))

    async def no_room(request: Request, error: Exception) -> JSONResponse:
        logger.error("a file could not be read or written", exc_info=error, extra={"path": request.url.path})
        return _answer(503, (cast("OSError", error).strerror or "a file could not be read or written").lower())

    async def failed(request: Request, error: Exception) -> JSONResponse:
        logger.error("a request failed", exc_info=error, extra={"path": request.url.path})
        return _answer(500, "internal error")

    app.add_exception_handler(HTTPException, http_error)
    app.add_exception_handler(RequestValidationError, invalid)
    for kind in _STATUS:
        app.add_exception_handler(kind, refused)
    app.add_exception_handler(OSError, no_room)
    app.add_exception_handler(Exception, failed)


def _answer(status: int, message: str, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"error": " ".join(message.split())}, status_code=status, headers=headers)
