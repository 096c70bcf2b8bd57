"""The built page's scripts and styles: compressed on the way, and kept by browsers for good."""

from __future__ import annotations

from pathlib import Path

from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Scope

_FOR_EVER = "public, max-age=31536000, immutable"


class _Unchanging(StaticFiles):
    """Files whose names have a hash of their content in them."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        if response.status_code in (200, 304):
            response.headers["Cache-Control"] = _FOR_EVER
        return response


def page_assets(folder: Path) -> ASGIApp:
    """What serves a folder of assets; the folder may be missing (a page that is not built)."""
    return GZipMiddleware(_Unchanging(directory=folder, check_dir=False), minimum_size=1024)
