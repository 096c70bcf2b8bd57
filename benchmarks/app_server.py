"""A server as `masklet app` sets one up, whose idle sessions expire soon: `app_server CLIPS DATA IDLE_SECONDS`."""

from __future__ import annotations

import sys
from pathlib import Path

from masklet import load_model
from masklet.media import Clip
from masklet.server.app import create_app
from masklet.server.running import bind, make_server, origins_of
from masklet.server.settings import Limits, ModelInfo, Settings
from masklet.server.studio import MakeSession
from masklet.session import VideoSession
from masklet.session.features import FeatureStore
from masklet.store import Store


def load() -> MakeSession:
    model = load_model("nano", device="cpu")

    def make(clip: Clip | None, features: FeatureStore) -> VideoSession:
        return VideoSession(model, clip, features=features)

    return make


def main(clips: Path, data: Path, idle_seconds: float) -> None:
    data.mkdir()
    with bind(0) as bound:
        settings = Settings(
            data=data,
            origins=origins_of(bound),
            model=ModelInfo(name="nano", image_size=384),
            roots={"clips": clips},
            limits=Limits(idle_seconds=idle_seconds),
        )
        print(settings.origins[0], flush=True)
        make_server(create_app(settings, Store(f"sqlite:///{data / 'masklet.db'}"), load)).run(sockets=[bound])


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3]))
