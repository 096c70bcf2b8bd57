"""Requests made from the API's own description: whatever they are, the server answers and does not fail."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error

from masklet.server.settings import Access

_EXAMPLES = settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


def ask_anything(operation: Any, media: str, headers: dict[str, str]) -> None:
    """Requests that fit the description of one operation, half of them about a media that is there."""

    @_EXAMPLES
    @given(data=st.data())
    def ask(data: st.DataObject) -> None:
        case = data.draw(operation.as_strategy())
        if "media_id" in case.path_parameters and case.method != "DELETE" and data.draw(st.booleans()):
            case.path_parameters["media_id"] = media
        case.call_and_validate(checks=[not_a_server_error], headers=headers)

    ask()


def ask_everything(url: str, media: str, headers: dict[str, str]) -> set[str]:
    """Asks all that there is to ask, and returns the addresses."""
    described: Any = schemathesis.openapi.from_url(f"{url}/api/openapi.json", headers=headers)
    operations = [found.ok() for found in described.get_all_operations()]
    for operation in operations:
        ask_anything(operation, media, headers)
    return {operation.path for operation in operations}


def test_no_request_fails_the_server(one_server) -> None:
    media = one_server.media()
    asked = ask_everything(one_server.url, media, {})
    assert {"/api/media/{media_id}/revisions/{number}", "/api/uploads/{upload_id}/finish"} <= asked
    assert one_server.http.get(f"/api/media/{media}").status_code == 200


@pytest.mark.slow
def test_no_request_fails_a_server_for_a_team(serve_team, clips: Path, tmp_path: Path) -> None:
    access = Access(attempts_at_once=10**6, requests_at_once=10**6)
    with serve_team(tmp_path, access=access) as team:
        ada = team.members["ada"]
        media = ada.upload((clips / "square.mp4").read_bytes()).json()["id"]
        asked = ask_everything(team.server.url, media, ada.headers)
        assert {"/api/login", "/api/projects/{project_id}/members/{name}"} <= asked
        assert ada.http.get(f"/api/media/{media}").status_code == 200
