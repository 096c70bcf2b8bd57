"""HTTP for coming in and going out."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from masklet.server.doors import Doorkeeper, TooOften, address_of
from masklet.server.errors import Refused
from masklet.server.settings import Access

router = APIRouter(prefix="/api/login")


class LoginBegin(BaseModel):
    model_config = ConfigDict(extra="forbid")
    token: Annotated[str, Field(min_length=1, max_length=200)]


class LoginState(BaseModel):
    user: str


def doorkeeper(request: Request) -> Doorkeeper:
    return request.app.state.doorkeeper


def access(request: Request) -> Access:
    return request.app.state.services.settings.access


Keeper = Annotated[Doorkeeper, Depends(doorkeeper)]
AccessTerms = Annotated[Access, Depends(access)]


@router.post("", responses={401: {}, 429: {}})
async def log_in(
    body: LoginBegin, request: Request, response: Response, keeper: Keeper, terms: AccessTerms
) -> LoginState:
    """Logs a browser in: the answer sets its cookie, which no script can read."""
    try:
        found = await keeper.log_in(body.token.strip(), address_of(request))
    except TooOften as error:
        raise Refused(429, str(error), {"Retry-After": error.retry_after}) from None
    if found is None:
        raise Refused(401, "this token is not known")
    user, login = found
    response.set_cookie(
        keeper.cookie,
        login,
        max_age=int(terms.login_seconds),
        path="/",
        secure=terms.secure,
        httponly=True,
        samesite="strict",
    )
    response.headers["Cache-Control"] = "no-store"
    return LoginState(user=user.name)


@router.delete("", status_code=204)
async def log_out(request: Request, keeper: Keeper, terms: AccessTerms) -> Response:
    """Ends the login of this browser."""
    await keeper.log_out(request)
    response = Response(status_code=204)
    response.delete_cookie(keeper.cookie, path="/", secure=terms.secure, httponly=True, samesite="strict")
    return response
