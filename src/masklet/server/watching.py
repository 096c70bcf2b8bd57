"""Counts and logs every request, without its body and query."""

from __future__ import annotations

import logging
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from masklet.server.metrics import Metrics

logger = logging.getLogger("masklet.server")
_METHODS = {"GET", "HEAD", "POST", "PUT", "DELETE"}


class Watch:
    """Tells the metrics and the log of every answer."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.monotonic()

        async def watched(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._tell(scope, message["status"], time.monotonic() - began)
            await send(message)

        await self._app(scope, receive, watched)

    def _tell(self, scope: Scope, status: int, seconds: float) -> None:
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self._metrics.requests.labels(method, str(status)).inc()
        extra = {"method": scope["method"], "path": scope["path"], "status": status, "seconds": round(seconds, 4)}
        logger.info("request", extra=extra)
