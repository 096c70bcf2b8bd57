"""The page that is committed is the one that its sources make."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from masklet.server.app import PAGE

WEB = Path(__file__).resolve().parents[2] / "web"


def sources_hash(web: Path) -> str:
    """As `web/scripts/sources.mjs` computes it."""
    inside = [path.relative_to(web).as_posix() for path in (web / "src").rglob("*") if path.is_file()]
    digest = hashlib.sha256()
    for path in sorted(["index.html", "package-lock.json", *inside]):
        content = (web / path).read_bytes()
        digest.update(f"{path}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def test_the_page_is_built_from_the_sources_that_are_here() -> None:
    if not WEB.is_dir():
        pytest.skip("needs the page's sources (web/), which are not part of an installation")
    stamp = json.loads((PAGE / "build.json").read_text(encoding="utf-8"))
    assert stamp["sources"] == sources_hash(WEB), "the page is stale: npm install --no-save && npm run build in web/"


def test_the_page_needs_nothing_from_elsewhere() -> None:
    index = (PAGE / "index.html").read_text(encoding="utf-8")
    assert "<script" in index
    assert "http://" not in index
    assert "https://" not in index
    assert "<style" not in index
    assert all("src=" in part.split(">")[0] for part in index.split("<script")[1:]), "no inline script"


def test_the_server_gives_the_page_and_its_assets(one_server) -> None:
    answer = one_server.http.get("/")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    for asset in (PAGE / "assets").iterdir():
        assert one_server.http.get(f"/assets/{asset.name}").content == asset.read_bytes()


def test_assets_are_small_on_the_way_and_kept_by_browsers(one_server) -> None:
    packed, whole = 0, 0
    for asset in (PAGE / "assets").iterdir():
        answer = one_server.http.get(f"/assets/{asset.name}")
        assert "immutable" in answer.headers["cache-control"]
        again = one_server.http.get(f"/assets/{asset.name}", headers={"If-None-Match": answer.headers["etag"]})
        assert again.status_code == 304
        packed += answer.num_bytes_downloaded
        whole += asset.stat().st_size
    assert packed < whole / 2
    absent = one_server.http.get("/assets/absent.js")
    assert absent.status_code == 404
    assert "cache-control" not in absent.headers
