"""The app: its routes, its guard, its life."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from fastapi import FastAPI, Request, Response, WebSocket, WebSocketDisconnect
from fastapi.responses import FileResponse, JSONResponse, PlainTextResponse

from masklet import __version__
from masklet.server import effects, errors, logins, past, projects, rest
from masklet.server.assets import page_assets
from masklet.server.doors import SIGNED_OUT, TOO_MANY, Door, Doorkeeper, TooOften
from masklet.server.exports import Exports
from masklet.server.library import Library
from masklet.server.metrics import Metrics
from masklet.server.recordings import Recordings
from masklet.server.roots import Roots
from masklet.server.seats import Crowded
from masklet.server.security import BodyLimit, Guard
from masklet.server.services import Services
from masklet.server.settings import Settings
from masklet.server.socket import Page
from masklet.server.source_socket import serve_source
from masklet.server.studio import MakeSession, Studio
from masklet.server.tally import Tally
from masklet.server.visitors import AtThisMachine, find_media
from masklet.server.watching import Watch
from masklet.store import Media, Store

PAGE = Path(__file__).parent / "page"
_NO_SUCH_MEDIA = 4404
_UNREADABLE = 4409
_NOTHING_THERE = "there is no such media"


def create_app(settings: Settings, store: Store, load: Callable[[], MakeSession]) -> FastAPI:
    """The server as an ASGI application.

    Parameters
    ----------
    settings
        Where it lives and what it allows.
    store
        What people did; it is closed when the server ends.
    load
        Loads the model and returns what opens sessions with it; called once, in the background.
    """
    metrics = Metrics()
    tally = Tally(settings.part.tally)
    roots = Roots(settings.roots)
    library = Library(store, settings.data / "uploads", settings.limits)

    @contextlib.asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        studio = Studio(settings, store, tally, load, metrics, library.check_bytes)
        folder = settings.data / "exports" / str(settings.part.number)
        exports = Exports(store, studio.clips, folder, settings.model.name, settings.part)
        recordings = Recordings(store, settings.data / "recordings", settings.limits)
        if settings.part.number == 0:
            await asyncio.to_thread(recordings.recover)
        app.state.services = Services(
            settings=settings,
            store=store,
            roots=roots,
            library=library,
            studio=studio,
            exports=exports,
            recordings=recordings,
            metrics=metrics,
        )
        sweeping = asyncio.create_task(studio.sweep())
        try:
            yield
        finally:
            sweeping.cancel()
            await studio.close()
            await asyncio.to_thread(exports.close)
            store.close()
            tally.close()

    app = FastAPI(
        title="masklet",
        version=__version__,
        lifespan=life,
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
        swagger_ui_oauth2_redirect_url=None,
    )
    errors.install(app)
    app.include_router(rest.router)
    app.include_router(past.router)
    app.include_router(effects.router)
    app.include_router(projects.router)
    _add_watching(app, metrics)
    _add_live(app)
    _add_sources(app)
    _add_page(app)
    app.add_middleware(BodyLimit, most=settings.limits.body_bytes)
    if settings.access is None:
        app.add_middleware(AtThisMachine, name=settings.author)
    else:
        app.state.doorkeeper = Doorkeeper(store.accounts, settings.access, tally)
        app.include_router(logins.router)
        app.add_middleware(Door, keeper=app.state.doorkeeper)
    app.add_middleware(Watch, metrics=metrics)
    app.add_middleware(Guard, origins=settings.origins)
    return app


def _add_watching(app: FastAPI, metrics: Metrics) -> None:
    @app.get("/healthz")
    def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/metrics", response_class=PlainTextResponse)
    def figures(request: Request) -> PlainTextResponse:
        studio: Studio = request.app.state.services.studio
        metrics.live_media.set(studio.live)
        metrics.sessions.set(studio.sessions)
        metrics.feature_bytes.set(studio.feature_bytes)
        return PlainTextResponse(metrics.text())


def _add_live(app: FastAPI) -> None:
    @app.websocket("/api/media/{media_id}/live")
    async def live(socket: WebSocket, media_id: str) -> None:
        parts: Services = socket.app.state.services
        media = await asyncio.to_thread(find_media, parts.store, media_id)
        await socket.accept()
        if media is None:
            await socket.close(_NO_SUCH_MEDIA, _NOTHING_THERE)
            return
        watching = asyncio.create_task(_watch(socket, parts, media))
        try:
            async with parts.studio.visit(media) as bench:
                await Page(socket, bench, parts.studio.worker, parts.metrics).run()
        except Crowded as error:
            await socket.close(TOO_MANY, str(error)[:120])
        except ValueError as error:
            await socket.close(_UNREADABLE, str(error)[:120])
        finally:
            watching.cancel()


def _add_sources(app: FastAPI) -> None:
    @app.websocket("/api/sources")
    async def source(socket: WebSocket) -> None:
        """A camera or screen that is segmented while it runs."""
        parts: Services = socket.app.state.services
        await socket.accept()
        watching = asyncio.create_task(_watch(socket, parts))
        try:
            await serve_source(socket, parts)
        except Crowded as error:
            code, reason = TOO_MANY, str(error)
        except (ValueError, OSError) as error:
            code, reason = _UNREADABLE, str(error)
        else:
            return
        finally:
            watching.cancel()
        with contextlib.suppress(RuntimeError, WebSocketDisconnect):  # the page may be gone
            await socket.close(code, reason[:120])


async def _watch(socket: WebSocket, parts: Services, media: Media | None = None) -> None:
    """Ends the connection of a visitor whose login ends, or who may no longer see its media."""
    access = parts.settings.access
    if access is None:
        return
    keeper: Doorkeeper = socket.app.state.doorkeeper
    while True:
        await asyncio.sleep(access.recheck_seconds)
        try:
            known = await keeper.identify(socket) is not None
        except TooOften:  # others at this address try wrong tokens: asked again later
            continue
        if not known:
            code, reason = SIGNED_OUT, "log in again"
        elif media is not None and await asyncio.to_thread(find_media, parts.store, media.id) is None:
            code, reason = _NO_SUCH_MEDIA, _NOTHING_THERE
        else:
            continue
        with contextlib.suppress(RuntimeError, WebSocketDisconnect):  # the page may be gone
            await socket.close(code, reason)
        return


def _add_page(app: FastAPI) -> None:
    @app.get("/", response_class=FileResponse, include_in_schema=False)
    def page() -> Response:
        index = PAGE / "index.html"
        if not index.is_file():
            return JSONResponse(
                {"error": "the page is not built: `npm install --no-save && npm run build` in web/"}, 503
            )
        return FileResponse(index, headers={"Cache-Control": "no-cache"})

    app.mount("/assets", page_assets(PAGE / "assets"), name="assets")
