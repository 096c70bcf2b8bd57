"""The effects of a media that people work on: every change of them is an edit, a drag of a slider is one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from masklet.export import effects_from_json
from masklet.server.live import Live
from masklet.server.visitors import visitor
from masklet.store import Change


class EffectShelf:
    """For any thread.

    Parameters
    ----------
    live
        The media's state and its pages.
    check_bytes
        Raises where the visitor may not keep so many bytes more: pictures are kept as long as the media is.
    """

    def __init__(self, live: Live, check_bytes: Callable[[int], None]) -> None:
        self._live = live
        self._check_bytes = check_bytes
        self._under_way: tuple[int, str, str] | None = None

    def put(self, effects: list[dict[str, Any]], gesture: str | None) -> int:
        """Puts effects in place of those before; returns which these are, as pages are told.

        What has the `gesture` of the last edit adds to that one, if nothing was edited or taken back since; gestures of
        two visitors are never the same. Raises ValueError for what are no effects, and as `check_bytes` does.
        """
        records = tuple(effect.to_json() for effect in effects_from_json(effects))
        live, author = self._live, visitor().name
        with live.lock:
            state = live.state
            added = live.added_size(records)
            if added:
                self._check_bytes(added)
            goes_on = self._under_way == (state.head, author, gesture) and not state.can_redo
            if goes_on and state.head is not None:
                live.add_effects(state.head, records)
            elif records != tuple(live.effects()):
                payload = {"kinds": [record["kind"] for record in records]}
                applied = live.commit("effects", payload, Change(effects=records))
                self._under_way = None if gesture is None else (applied.revision.id, author, gesture)
            return live.effects_row
