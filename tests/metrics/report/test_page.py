from __future__ import annotations

import html
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from html.parser import HTMLParser
from pathlib import Path

import pytest

from masklet.data.sequences import AnnotatedVideo
from masklet.metrics.report.page import write_report
from masklet.metrics.report.wording import wording
from masklet.metrics.results import Figure, Score, figures
from masklet.metrics.run import read_results

MakeRun = Callable[..., Path]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


class Page(HTMLParser):
    """What a browser would make of a page: tags with attributes, and the text by section."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.sections: dict[str, str] = {}
        self.cells: list[str] = []
        self._section = "header"
        self._cell = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.tags.append((tag, found))
        if tag == "section":
            self._section = found["id"]
        if tag in {"td", "th"}:
            self._cell = True
            self.cells.append("")

    def handle_endtag(self, tag: str) -> None:
        self._cell = self._cell and tag not in {"td", "th"}

    def handle_data(self, data: str) -> None:
        self.sections[self._section] = self.sections.get(self._section, "") + data
        if self._cell:
            self.cells[-1] += data

    def of(self, name: str) -> list[dict[str, str]]:
        return [attributes for tag, attributes in self.tags if tag == name]


@pytest.fixture
def page(tmp_path: Path) -> Callable[..., Page]:
    """`page(folder, earlier=.., videos=..)` -> what is in the report."""

    def write(folder: Path, **options: object) -> Page:
        out = tmp_path / "report.html"
        write_report(folder, out, **options)  # type: ignore[arg-type]
        return Page(out.read_text(encoding="utf-8"))

    return write


def rows(setting: str, metric: str, values: Sequence[float], **names: object) -> list[Score]:
    known = {"predictor": "model", "sequence": "bear", "object_id": 1, "frame": None} | names
    return [
        Score(setting=setting, metric=metric, value=value, **(known | {"object_id": number}))  # type: ignore[arg-type]
        for number, value in enumerate(values, 1)
    ]


def test_every_figure_of_the_run_is_there(page, make_run: MakeRun):
    folder = make_run("run")
    found = page(folder)
    measured = read_results(folder).figures
    assert len(measured) > 30
    for figure in measured:
        assert wording(figure.metric).number(figure.value) in found.cells
        for name in (figure.setting, figure.predictor, wording(figure.metric).heading):
            assert name in found.cells


def test_the_leading_predictor_is_the_model_and_its_figures_come_first(page, make_run: MakeRun):
    header = page(make_run("run")).sections["header"]
    assert "vos on data set" in header
    for fact in ("0123456789ab", "1.2.3", "a processor", "prompts mask", "2 sequences"):
        assert fact in header
    mean = sum((0.8 - 0.02 * f - 0.1 * p + 0.8 - 0.01 * f) / 2 for f in range(1, 6) for p in range(2)) / 10
    assert re.search(rf"J&F, mask\s+{100 * mean:.1f}\s+model; copy {100 * mean - 30:.1f}", header)


def test_names_of_data_are_no_markup(page, kept_run: Path, videos: list[AnnotatedVideo]):
    found = page(kept_run, videos=videos)
    hostile = videos[1].name
    assert len(found.of("script")) == 1
    assert all(image["src"].startswith("data:image/jpeg;base64,") for image in found.of("img"))
    assert hostile in found.sections["worst"]
    assert any(hostile in image["alt"] for image in found.of("img"))
    assert hostile in found.sections["time"]


def test_the_page_loads_nothing(page, kept_run: Path, videos: list[AnnotatedVideo], tmp_path: Path):
    found = page(kept_run, videos=videos)
    for tag, attributes in found.tags:
        for name in ("src", "href", "srcset", "action", "data", "poster", "xlink:href"):
            address = attributes.get(name, "")
            assert not address or address.startswith(("#", "data:")), (tag, name, address)
    assert not found.of("link")
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "url(" not in text
    assert "@import" not in text
    policy = next(meta for meta in found.of("meta") if meta.get("http-equiv") == "Content-Security-Policy")
    assert "default-src 'none'" in policy["content"]


def test_links_lead_to_sections(page, kept_run: Path, videos: list[AnnotatedVideo]):
    found = page(kept_run, videos=videos)
    places = [attributes["id"] for _, attributes in found.tags if "id" in attributes]
    assert len(places) == len(set(places))
    assert {link["href"].removeprefix("#") for link in found.of("a")} <= set(places)


def test_worst_frames_are_drawn_from_what_was_kept(page, kept_run: Path, videos: list[AnnotatedVideo]):
    found = page(kept_run, videos=videos)
    assert 2 <= len(found.of("img")) <= 12
    assert "bear, frame 5, object 1" in found.sections["worst"]
    # J&F of the worst frame: from one click, the last of the hostile video.
    assert "model, click-1: 37.5 %" in found.sections["worst"]
    (kept_run / "predictions" / "model" / "click-1" / "bear" / "00005.png").unlink()
    assert "bear, frame 5, object 1" not in page(kept_run, videos=videos[:1]).sections["worst"]


def test_sections_without_data_are_left_out(page, make_run: MakeRun):
    whole = page(make_run("whole")).sections
    assert {"figures", "published", "sequences", "clicks", "calibration", "time", "manifest"} <= whole.keys()
    assert not {"leaderboard", "worst", "slices", "rounds"} & whole.keys()
    scores = rows("objects-1", "frames_per_second", [3.5, 4.5])
    bare = page(make_run("bare", scores=scores, protocol="speed", means=lambda s: figures(s, ["frames_per_second"])))
    assert bare.sections.keys() == {"header", "figures", "published", "manifest"}
    assert "4.0" in bare.cells


def test_earlier_runs_stand_beside_this_one(page, make_run: MakeRun):
    other = rows("click-1", "iou", [0.5])
    earlier = [
        make_run("june", gain=-0.1),
        make_run("may", gain=-0.2, checksum="11"),
        make_run("pictures", scores=other, protocol="images", means=lambda s: figures(s, ["iou"])),
    ]
    text = " ".join(page(make_run("july"), earlier=earlier).sections["leaderboard"].split())
    assert "1 earlier run of other protocols left out" in text
    order = [line[:3] for line in re.findall(r"(model|copy) (this run|june|may|pictures) (same|other)", text)]
    assert order == [
        ("model", "this run", "same"),
        ("model", "june", "same"),
        ("copy", "this run", "same"),
        ("copy", "june", "same"),
        ("model", "may", "other"),
        ("copy", "may", "other"),
    ]


def test_published_figures_stand_apart(page, make_run: MakeRun):
    sections = page(make_run("run"), earlier=[make_run("june")]).sections
    assert "SAM + Cutie" in sections["published"]
    assert "arXiv:2408.00714" in sections["published"]
    assert "None of it was measured here" in sections["published"]
    assert not any("Cutie" in text for key, text in sections.items() if key != "published")


def test_interactive_rounds_become_curves(page, make_run: MakeRun):
    def means(_: Sequence[Score]) -> list[Figure]:
        return [
            Figure(predictor="model", setting=f"{mode}-{n}", metric=metric, value=value, count=2)
            for mode in ("offline", "online")
            for n in (1, 2, 3)
            for metric, value in (("J&F", 0.5 + 0.1 * n), ("annotation_seconds", 12.0 * n))
        ]

    scores = [score for n in (1, 2, 3) for score in rows(f"online-{n}", "J", [0.5, 0.6], frame=2)]
    sections = page(make_run("run", scores=scores, protocol="interactive", means=means)).sections
    text = " ".join(sections["rounds"].split())
    assert "model: from 60 to 80, lowest 60, 3 points" in text
    assert "seconds for an object" in text
    assert "offline" in text
    assert "online-3" in sections["time"]
    assert "online-1" not in sections["time"]
    assert "settings" not in sections


def test_pictures_have_click_curves_and_reliability(page, make_run: MakeRun):
    scores = [
        row
        for n in (1, 2, 5)
        for metric, value in (("iou", 0.5 + 0.05 * n), ("predicted_iou", 0.7))
        for row in rows(f"click-{n}", metric, [value])
    ]
    sections = page(make_run("run", scores=scores, protocol="images", means=lambda s: figures(s, ["iou"]))).sections
    assert "model: from 55 to 75, lowest 55, 3 points" in sections["clicks"]
    assert "promised 70 %, came true 63 % (3 times)" in sections["calibration"]
    assert "presence" not in sections["calibration"]
    assert "click-1: model 55.0" in sections["settings"]
    assert "click-5: model 75.0" in sections["settings"]
    assert "SAM 2" in sections["published"]


def test_groups_are_told_apart(page, make_run: MakeRun, videos: list[AnnotatedVideo]):
    attributes = {
        (videos[0].name, None): {"light": "day", "place": "wood"},
        (videos[1].name, 1): {"light": "night", "place": "wood"},
    }
    text = " ".join(page(make_run("run"), attributes=attributes).sections["slices"].split())
    assert re.search(r"day model 1 75\.5 ", text)
    assert re.search(r"night model 1 70\.5 ", text)
    assert "All objects are of one group: place (wood)." in text


def test_the_same_run_gives_the_same_bytes(kept_run: Path, videos: list[AnnotatedVideo], tmp_path: Path):
    for name in ("a", "b"):
        write_report(kept_run, tmp_path / name, videos=videos)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_folders_without_a_run_are_named(tmp_path: Path, make_run: MakeRun):
    with pytest.raises(FileNotFoundError, match=r"nowhere: no such folder"):
        write_report(tmp_path / "nowhere", tmp_path / "x.html")
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match=r"empty: no run .* no manifest.json"):
        write_report(make_run("run"), tmp_path / "x.html", earlier=[tmp_path / "empty"])
    folder = make_run("stopped")
    (folder / "results.json").unlink()
    with pytest.raises(FileNotFoundError, match="stopped: the run is not finished"):
        write_report(folder, tmp_path / "x.html")
    assert not (tmp_path / "x.html").exists()


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
@pytest.mark.parametrize("width", [360, 1280])
def test_a_browser_shows_it(
    width: int, kept_run: Path, make_run: MakeRun, videos: list[AnnotatedVideo], tmp_path: Path
):
    assert CHROMIUM is not None
    report, frame = tmp_path / "report.html", tmp_path / "frame.html"
    write_report(kept_run, report, videos=videos, earlier=[make_run("earlier"), make_run("third")])
    # In a frame: a window of a browser without a screen is no narrower than 500 pixels.
    frame.write_text(
        f"<!doctype html><iframe width={width} height=900 srcdoc='{html.escape(report.read_text(encoding='utf-8'))}'>"
        """</iframe><script>
        const frame = document.querySelector("iframe");
        frame.onload = () => {
          const inner = frame.contentDocument, root = inner.documentElement;
          const all = (words) => [...inner.querySelectorAll(words)];
          all("#figures thead button")[2].click();
          const column = all("#figures tbody tr").map((row) => Number(row.cells[2].dataset.value));
          document.body.dataset.found = JSON.stringify({
            wide: root.scrollWidth, room: root.clientWidth,
            sorted: column.every((value, i) => i === 0 || value <= column[i - 1]),
            pictures: all("img").every((image) => image.decode && image.complete),
            empty: all("svg").filter((svg) => svg.closest("details")?.open !== false)
              .filter((svg) => svg.getBoundingClientRect().height < 20).length,
          });
        };
        </script>""",
        encoding="utf-8",
    )
    words = (
        "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
        "--disable-component-update --disable-sync --virtual-time-budget=5000 --window-size=1400,1000 --dump-dom"
    )
    shown = subprocess.run(
        [CHROMIUM, *words.split(), f"--user-data-dir={tmp_path / 'profile'}", frame.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    ).stdout
    found = re.search(r'data-found="([^"]*)"', shown)
    assert found, shown[-2000:]
    assert html.unescape(found[1]).startswith('{"wide":')
    values = dict(re.findall(r'"(\w+)":(\w+)', html.unescape(found[1])))
    assert values["wide"] == values["room"], "the page scrolls sideways"
    assert values["sorted"] == "true"
    assert values["empty"] == "0"
