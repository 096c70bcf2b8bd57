"""Requests made from the API's own description: whatever they are, the server answers and does not fail."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error

_EXAMPLES = settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


@pytest.fixture(scope="module")
def described(one_server) -> Any:
    return schemathesis.openapi.from_url(f"{one_server.url}/api/openapi.json")


def ask_anything(operation: Any, media: str) -> None:
    """Requests that fit the description of one operation, half of them about a media that is there."""

    @_EXAMPLES
    @given(data=st.data())
    def ask(data: st.DataObject) -> None:
        case = data.draw(operation.as_strategy())
        if "media_id" in case.path_parameters and case.method != "DELETE" and data.draw(st.booleans()):
            case.path_parameters["media_id"] = media
        case.call_and_validate(checks=[not_a_server_error])

    ask()


def test_no_request_fails_the_server(one_server, described) -> None:
    media = one_server.media()
    operations = [found.ok() for found in described.get_all_operations()]
    assert len(operations) >= 15
    for operation in operations:
        ask_anything(operation, media)
    assert one_server.http.get(f"/api/media/{media}").status_code == 200
