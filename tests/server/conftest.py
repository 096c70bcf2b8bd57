"""A real server in a thread, with the bundled model at a small size, and a page that is a Python program."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from websockets.sync.client import ClientConnection, connect

from masklet.media import Clip, VideoWriter
from masklet.model.registry import load_model
from masklet.model.sam2 import Sam2
from masklet.server.app import create_app
from masklet.server.messages import MaskMessage
from masklet.server.running import bind, make_server, origins_of
from masklet.server.settings import Access, Limits, ModelInfo, Settings
from masklet.server.studio import MakeSession
from masklet.session import VideoSession
from masklet.session.features import FeatureStore
from masklet.store import Store

FRAMES, HEIGHT, WIDTH = 8, 64, 96
SQUARE = [30.0, 30.0]
"""A point on the object in frame 0."""
AXE = Path(__file__).resolve().parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"
PATIENCE_MS = 60_000
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@dataclass(slots=True)
class Page:
    """The page's side of a WebSocket. What came is kept: `events` (JSON that is no answer) and `masks`."""

    socket: ClientConnection
    hello: dict[str, Any] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)
    masks: list[MaskMessage] = field(default_factory=list)
    answers: dict[int, dict[str, Any]] = field(default_factory=dict)
    acknowledge: bool = True
    _requests: int = 0

    def send(self, type: str, **fields: Any) -> int:
        self._requests += 1
        self.socket.send(json.dumps({"request": self._requests, "type": type, **fields}))
        return self._requests

    def read(self, timeout: float = 60) -> dict[str, Any] | MaskMessage:
        data = self.socket.recv(timeout=timeout)
        if isinstance(data, bytes):
            message = MaskMessage.decode(data)
            self.masks.append(message)
            if self.acknowledge and message.kind == 1:
                self.socket.send(json.dumps({"type": "ack", "sequence": message.number}))
            return message
        value = json.loads(data)
        if value["type"] in ("done", "error"):
            assert value["request"] not in self.answers, "one answer to a request"
            self.answers[value["request"]] = value
        else:
            self.events.append(value)
        return value

    def answer(self, request: int) -> dict[str, Any]:
        while request not in self.answers:
            self.read()
        return self.answers[request]

    def do(self, type: str, **fields: Any) -> dict[str, Any]:
        """A command and its answer, which is to be `done`."""
        answer = self.answer(self.send(type, **fields))
        assert answer["type"] == "done", answer
        return answer

    def refused(self, type: str, **fields: Any) -> str:
        """The message of a command that is to be refused."""
        answer = self.answer(self.send(type, **fields))
        assert answer["type"] == "error", answer
        return answer["message"]

    def event(self, type: str) -> dict[str, Any]:
        """The last event of a type; waits for the first one."""
        while True:
            for value in reversed(self.events):
                if value["type"] == type:
                    return value
            self.read()

    def finished(self) -> dict[str, Any]:
        """Waits until tracking has ended."""
        found = self.event("finished")
        self.events.remove(found)
        return found

    def shown(self) -> dict[tuple[int, int], bytes]:
        """Run lengths by object and frame as the server sends them when asked for all."""
        before = len(self.masks)
        self.do("masks", start=0, stop=2**31)
        return {(mask.object, mask.mask.frame): mask.mask.rle.counts for mask in self.masks[before:]}


@dataclass(frozen=True, slots=True)
class Running:
    """A server that runs."""

    url: str
    data: Path
    http: httpx.Client

    def media(self, root: str = "clips", path: str = "square.mp4") -> str:
        """The id of a clip, opened."""
        answer = self.http.post("/api/media", json={"root": root, "path": path})
        assert answer.status_code == 200, answer.text
        return answer.json()["id"]

    @contextmanager
    def page(self, media: str, **fields: Any) -> Iterator[Page]:
        address = self.url.replace("http://", "ws://") + f"/api/media/{media}/live"
        origin, headers = fields.pop("origin", self.url), fields.pop("headers", None)
        with connect(address, origin=origin, additional_headers=headers, max_size=None) as socket:
            page = Page(socket, **fields)
            first = page.read()
            assert isinstance(first, dict)
            assert first["type"] == "hello"
            page.hello = first
            yield page


Serve = Callable[..., AbstractContextManager[Running]]


@dataclass(frozen=True, slots=True)
class Member:
    """A user of a server for a team, and a program of theirs."""

    name: str
    token: str
    server: Running
    http: httpx.Client

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def page(self, media: str, **fields: Any) -> AbstractContextManager[Page]:
        return self.server.page(media, headers=self.headers, **fields)

    def upload(self, data: bytes, name: str = "square.mp4", **fields: Any) -> httpx.Response:
        """Uploads a file in one piece; the answer to the last request that was made."""
        begun = self.http.post("/api/uploads", json={"name": name, "size": len(data), **fields})
        if begun.status_code != 200:
            return begun
        number = begun.json()["id"]
        assert self.http.put(f"/api/uploads/{number}?offset=0", content=data).status_code == 200
        return self.http.post(f"/api/uploads/{number}/finish")


@dataclass(frozen=True, slots=True)
class Team:
    """A server where people log in."""

    server: Running
    members: dict[str, Member]


MakeTeam = Callable[..., AbstractContextManager[Team]]


@pytest.fixture(scope="session")
def model() -> Sam2:
    return load_model("nano", device="cpu", image_size=128)


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `square.mp4`: a bright square that moves to the right over noise."""
    folder = tmp_path_factory.mktemp("media") / "clips"
    folder.mkdir()
    random = np.random.default_rng(0)
    ground = random.integers(0, 90, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    with VideoWriter(folder / "square.mp4", 24, WIDTH, HEIGHT, "h264") as writer:
        for i in range(FRAMES):
            picture = ground.copy()
            picture[16:48, 16 + 4 * i : 48 + 4 * i] = (230, 200, 60)
            writer.write(picture)
    return folder


@pytest.fixture(scope="session")
def serve(model: Sam2, clips: Path) -> Serve:
    """`with serve(data) as server:` a server on a free port; `limits`, `access`, `load`, `roots` and `proxies` may be
    given."""

    def sessions() -> MakeSession:
        def make(clip: Clip | None, features: FeatureStore) -> VideoSession:
            return VideoSession(model, clip, features=features)

        return make

    @contextmanager
    def start(
        data: Path,
        *,
        limits: Limits | None = None,
        access: Access | None = None,
        proxies: tuple[str, ...] = (),
        load: Callable[[], MakeSession] = sessions,
        roots: dict[str, Path] | None = None,
    ) -> Iterator[Running]:
        data.mkdir(parents=True, exist_ok=True)
        with bind(0) as bound:
            settings = Settings(
                data=data,
                origins=origins_of(bound),
                model=ModelInfo(name="nano", image_size=128),
                roots={"clips": clips} if roots is None else roots,
                author="tester",
                access=access,
                limits=limits or Limits(),
            )
            app = create_app(settings, Store(f"sqlite:///{data / 'masklet.db'}"), load)
            server = make_server(app, settings.limits, proxies)
            thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]}, daemon=True)
            thread.start()
            while not server.started:
                assert thread.is_alive(), "the server did not start"
                time.sleep(0.01)
            with httpx.Client(base_url=settings.origins[0], timeout=60) as http:
                try:
                    yield Running(settings.origins[0], data, http)
                finally:
                    server.should_exit = True
                    thread.join(60)
                    assert not thread.is_alive(), "the server did not end"

    return start


@pytest.fixture(scope="session")
def serve_team(serve: Serve) -> MakeTeam:
    """`with serve_team(data) as team:` a server for ada and bob; more options as `serve`."""

    @contextmanager
    def start(data: Path, *, access: Access | None = None, **options: Any) -> Iterator[Team]:
        data.mkdir(parents=True, exist_ok=True)
        store = Store(f"sqlite:///{data / 'masklet.db'}")
        tokens = {name: store.accounts.add_user(name)[1] for name in ("ada", "bob")}
        store.close()
        with ExitStack() as stack:
            server = stack.enter_context(serve(data, access=access or Access(), roots={}, **options))
            members: dict[str, Member] = {}
            for name, token in tokens.items():
                headers = {"Authorization": f"Bearer {token}"}
                http = stack.enter_context(httpx.Client(base_url=server.url, timeout=60, headers=headers))
                members[name] = Member(name, token, server, http)
            yield Team(server, members)

    return start


@pytest.fixture(scope="session")
def running_at() -> Callable[[str, Path], AbstractContextManager[Running]]:
    """A server that runs elsewhere."""

    @contextmanager
    def at(url: str, data: Path) -> Iterator[Running]:
        with httpx.Client(base_url=url, timeout=60) as http:
            yield Running(url, data, http)

    return at


@pytest.fixture
def server(serve: Serve, tmp_path: Path) -> Iterator[Running]:
    """A server of this test alone."""
    with serve(tmp_path / "data") as running:
        yield running


@pytest.fixture
def team(serve_team: MakeTeam, tmp_path: Path) -> Iterator[Team]:
    """A server for ada and bob, of this test alone."""
    with serve_team(tmp_path / "data") as made:
        yield made


@pytest.fixture(scope="module")
def one_team(serve_team: MakeTeam, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    """A server for ada and bob that the tests of a module share, and that bears with wrong tokens."""
    with serve_team(tmp_path_factory.mktemp("data"), access=Access(attempts_at_once=10_000)) as made:
        yield made


@pytest.fixture(scope="module")
def one_server(serve: Serve, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server that the tests of a module share."""
    with serve(tmp_path_factory.mktemp("data")) as running:
        yield running


@dataclass(frozen=True, slots=True)
class Command:
    """A server that was started on the command line, and the address that it printed."""

    process: subprocess.Popen[str]
    url: str


@pytest.fixture(scope="session")
def command() -> Callable[..., AbstractContextManager[Command]]:
    """`with command("app", ...) as started:` masklet as people start it, killed at the end if it still runs."""

    @contextmanager
    def start(*words: str | Path) -> Iterator[Command]:
        process = subprocess.Popen(
            [sys.executable, "-c", "from masklet.cli.main import main; main()", *map(str, words)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )
        try:
            assert process.stdout is not None
            found = re.search(r"http://127\.0\.0\.1:\d+", process.stdout.readline())
            assert found is not None
            yield Command(process, found.group())
        finally:
            process.kill()
            process.wait(30)

    return start


@dataclass(frozen=True, slots=True)
class App:
    """`masklet app` as people start it, with the clip."""

    server: Running
    process: subprocess.Popen[str]

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(30)


@pytest.fixture
def start_app(
    command: Callable[..., AbstractContextManager[Command]],
    running_at: Callable[[str, Path], AbstractContextManager[Running]],
    clips: Path,
    tmp_path: Path,
) -> Callable[[], AbstractContextManager[App]]:
    """`with start_app() as app:` an app on the command line; each has the address and the data of the one before."""
    data = tmp_path / "data"
    with bind(0) as bound:
        port = str(bound.getsockname()[1])
    words = ("app", clips / "square.mp4", "--port", port, "--no-open", "--data", data, "--device", "cpu")

    @contextmanager
    def start() -> Iterator[App]:
        with command(*words) as started, running_at(started.url, data) as server:
            yield App(server, started.process)

    return start


@pytest.fixture(scope="module")
def launch() -> Iterator[Callable[..., Any]]:
    """Starts Debian's chromium, or the browser that playwright has installed, with more words on its command line."""
    api: Any = pytest.importorskip(
        "playwright.sync_api", reason="needs playwright: pip install -e '.[dev]'", exc_type=ImportError
    )
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    with api.sync_playwright() as playwright:
        api.expect.set_options(timeout=PATIENCE_MS)

        def start(*more: str) -> Any:
            try:
                return playwright.chromium.launch(executable_path=program, args=[*QUIET, *more])
            except api.Error as error:
                first = str(error).strip().splitlines()[0]
                pytest.skip(f"needs a browser: apt-get install chromium, or playwright install chromium ({first})")

        yield start


@pytest.fixture(scope="module")
def browser(launch: Callable[..., Any]) -> Iterator[Any]:
    found = launch()
    yield found
    found.close()


@pytest.fixture
def new_tab(browser: Any) -> Iterator[Callable[..., Any]]:
    """Opens tabs; whatever they complain about, but for what is `expected`, fails the test."""
    complaints: list[str] = []
    contexts: list[Any] = []

    def make(browser: Any = browser, expected: re.Pattern[str] | None = None, **options: Any) -> Any:
        def note(message: Any) -> None:
            if message.type == "error" and not (expected and expected.search(message.text)):
                complaints.append(message.text)

        context = browser.new_context(**{"viewport": {"width": 1000, "height": 700}, **options})
        context.set_default_timeout(PATIENCE_MS)
        contexts.append(context)
        tab = context.new_page()
        tab.on("console", note)
        tab.on("pageerror", lambda error: complaints.append(str(error)))
        return tab

    yield make
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture(scope="session")
def violations() -> Callable[[Any], list[str]]:
    """What axe-core says of a tab is in the way of people."""
    if not AXE.is_file():
        pytest.skip("needs axe-core: npm install in web/")

    def find(tab: Any) -> list[str]:
        tab.evaluate(AXE.read_text(encoding="utf-8"))
        # Only what is looked at leaves the page: what axe says of all that is well is large.
        return tab.evaluate(
            """axe.run({ resultTypes: ["violations"] }).then(({ violations }) =>
                violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html.slice(0, 200)}`)))"""
        )

    return find
