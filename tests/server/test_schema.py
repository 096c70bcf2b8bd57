"""The page's types are those of this server."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from masklet.server.schema import as_text, described, fingerprint

CLIENT = Path(__file__).resolve().parents[2] / "web" / "src" / "core" / "openapi.ts"


def test_the_page_s_types_are_made_from_this_server() -> None:
    if not CLIENT.is_file():
        pytest.skip("needs the page's sources (web/), which are not part of an installation")
    made_from = re.search(r'MADE_FROM = "([0-9a-f]{64})"', CLIENT.read_text(encoding="utf-8"))
    assert made_from is not None
    assert made_from[1] == fingerprint(as_text(described())), "the types are stale: npm run generate in web/"


def references(value: Any) -> set[str]:
    if isinstance(value, dict):
        own = {value["$ref"].rsplit("/", 1)[1]} if "$ref" in value else set()
        return own.union(*(references(item) for item in value.values()))
    return set().union(*(references(item) for item in value)) if isinstance(value, list) else set()


def test_every_answer_in_json_has_a_type() -> None:
    description = described()
    assert references(description) <= set(description["schemas"])
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            (answer,) = operation["responses"].values()
            schema = answer.get("content", {}).get("application/json", {}).get("schema")
            if schema is not None and path != "/healthz":
                assert "$ref" in schema or schema.get("items", {}).get("$ref"), f"{method} {path}: {schema}"


def test_a_description_changes_with_what_counts_only() -> None:
    one = described()
    assert as_text(one) == as_text(described())
    assert "description" not in json.loads(as_text(one))["paths"]["/api/info"]["get"]
    one["schemas"]["MediaItem"]["properties"]["width"]["type"] = "string"
    assert fingerprint(as_text(one)) != fingerprint(as_text(described()))
