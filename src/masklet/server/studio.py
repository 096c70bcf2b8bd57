"""The live media of a server: opened when a page comes, closed when nobody has looked for a while."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from contextlib import asynccontextmanager
from functools import partial
from typing import Protocol

from masklet.media import Clip
from masklet.server.clips import Borrowed, Clips
from masklet.server.heap import give_back
from masklet.server.live import Live
from masklet.server.metrics import Metrics
from masklet.server.seats import Crowded, Seats
from masklet.server.settings import Settings
from masklet.server.tally import Tally
from masklet.server.workbench import Workbench
from masklet.server.worker import Urgency, Worker
from masklet.session import VideoSession
from masklet.session.features import FeatureCache, FeatureStore, LastFrames
from masklet.store import Media, Store

logger = logging.getLogger("masklet.server")
_SWEEP_SECONDS = 15.0
_STREAM_FEATURES = 4


class MakeSession(Protocol):
    """Opens a session with a model that is loaded: of a clip, or (None) one to which frames are pushed."""

    def __call__(self, clip: Clip | None, features: FeatureStore) -> VideoSession: ...


class Studio:
    """Owns the worker, the model and the live media.

    Parameters
    ----------
    settings, store
        As for the server.
    tally
        Where it is counted what users have open.
    load
        Loads the model, in the worker, and returns what opens sessions with it.
    check_bytes
        Raises where the visitor may not keep so many bytes more.
    """

    def __init__(
        self,
        settings: Settings,
        store: Store,
        tally: Tally,
        load: Callable[[], MakeSession],
        metrics: Metrics,
        check_bytes: Callable[[int], None],
    ) -> None:
        self.clips = Clips()
        self._settings = settings
        self._store = store
        self._metrics = metrics
        self._check_bytes = check_bytes
        self.worker = Worker("masklet-model", metrics.waited)
        self._features = FeatureCache(settings.limits.feature_bytes)
        self._seats = Seats(tally, settings.part.number, settings.limits)
        self._benches: dict[str, Workbench] = {}
        self._streams = 0
        self._opening = asyncio.Lock()
        self._loaded: Future[MakeSession] = self.worker.submit(Urgency.COMMAND, load)
        self._loaded.add_done_callback(_log_load)

    @property
    def live(self) -> int:
        """How many media are live."""
        return len(self._benches)

    @property
    def sessions(self) -> int:
        """Of how many media the model holds a session."""
        return sum(not bench.resting for bench in list(self._benches.values()))

    @property
    def feature_bytes(self) -> int:
        """Memory of the image features that are kept."""
        return self._features.bytes

    @asynccontextmanager
    async def visit(self, media: Media) -> AsyncIterator[Workbench]:
        """The workbench of a media for a page that stays. Raises as `open`, and Crowded where the visitor has too many
        pages open."""
        with self._seats.take(media.id):
            yield await self.open(media)

    async def open(self, media: Media) -> Workbench:
        """The workbench of a media. Raises ValueError where its file cannot be read any more, and Crowded where too
        many media are in use."""
        async with self._opening:
            bench = self._benches.get(media.id)
            if bench is None:
                await self._make_room()
                bench = await asyncio.to_thread(self._make_bench, media)
                self._benches[media.id] = bench
            return bench

    @asynccontextmanager
    async def stream(self) -> AsyncIterator[VideoSession]:
        """A session to which frames are pushed. Raises Crowded where there are too many, or the visitor has too much
        open, and other ValueErrors where the model could not be loaded."""
        if self._streams >= self._settings.limits.sources:
            raise Crowded(f"{self._streams} cameras and screens are in use on this server: try again later")
        self._streams += 1
        try:
            with self._seats.take(f"source {self._streams}"):
                # A prompt is for a frame that was shown, while the next ones are on their way.
                make = partial(self._open_session, None, LastFrames(_STREAM_FEATURES))
                session = await asyncio.wrap_future(self.worker.submit(Urgency.COMMAND, make))
                try:
                    yield session
                finally:
                    await asyncio.wrap_future(self.worker.submit(Urgency.COMMAND, session.close))
        finally:
            self._streams -= 1

    async def forget(self, media_id: str) -> None:
        """Closes a media that was deleted; its pages are sent away."""
        async with self._opening:
            bench = self._benches.pop(media_id, None)
            if bench is not None:
                bench.live.dismiss()
                await asyncio.wrap_future(self.worker.submit(Urgency.COMMAND, bench.close))
        self._features.drop(media_id)
        self.clips.forget(media_id)

    async def sweep(self) -> None:
        """Closes, for as long as the server runs, what nobody has open, and puts aside what nobody uses."""
        limits = self._settings.limits
        while True:
            await asyncio.sleep(min(_SWEEP_SECONDS, limits.idle_seconds, limits.rest_seconds))
            async with self._opening:
                given_up = False
                for media_id, bench in list(self._benches.items()):
                    if bench.busy:
                        continue
                    if bench.live.pages == 0:
                        if time.monotonic() - bench.live.left >= limits.idle_seconds:
                            await self._shut(media_id)
                            given_up = True
                    elif bench.unused >= limits.rest_seconds:
                        given_up |= not bench.resting
                        await asyncio.wrap_future(self.worker.submit(Urgency.COMMAND, bench.rest))
                        self._features.drop(media_id)
            if given_up:
                await asyncio.to_thread(give_back)

    async def close(self) -> None:
        """Ends all work after the frame under way."""
        async with self._opening:
            benches, self._benches = list(self._benches.values()), {}
        for bench in benches:
            bench.live.dismiss()
            await asyncio.wrap_future(self.worker.submit(Urgency.COMMAND, bench.close))
        await asyncio.to_thread(self.worker.close)

    async def _make_room(self) -> None:
        """Closes what nobody has had open for longest, where as much is open as may be. Raises Crowded."""
        most = self._settings.limits.live_media
        if len(self._benches) < most:
            return
        free = [media_id for media_id, bench in self._benches.items() if not bench.live.pages and not bench.busy]
        if not free:
            raise Crowded(f"{most} media are in use on this server: try again later")
        await self._shut(min(free, key=lambda media_id: self._benches[media_id].live.left))

    async def _shut(self, media_id: str) -> None:
        bench = self._benches.pop(media_id)
        await asyncio.wrap_future(self.worker.submit(Urgency.COMMAND, bench.close))
        self._features.drop(media_id)
        self.clips.forget(media_id)

    def _make_bench(self, media: Media) -> Workbench:
        clip = self.clips.get(media)

        def make_session() -> VideoSession:
            return self._open_session(Borrowed(clip), self._features.of(media.id))

        live = Live(media, self._store)
        return Workbench(live, self.worker, make_session, self._metrics.tracked_frames.inc, self._check_bytes)

    def _open_session(self, clip: Clip | None, features: FeatureStore) -> VideoSession:
        error = self._loaded.exception()  # the load was the worker's first task: it has ended
        if error is not None:
            raise ValueError(f"the model could not be loaded: {error}") from error
        return self._loaded.result()(clip, features)


def _log_load(future: Future[MakeSession]) -> None:
    error = None if future.cancelled() else future.exception()
    if error is not None:
        logger.error("the model could not be loaded", exc_info=error)
    else:
        logger.info("model loaded")
