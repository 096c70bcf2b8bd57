"""A server as `masklet app` sets one up, whose idle sessions expire soon: `app_server CLIPS DATA IDLE_SECONDS`."""

from __future__ import annotations

import sys
from pathlib import Path

from masklet.cli.threads import share_cores


def main(clips: Path, data: Path, idle_seconds: float) -> None:
    share_cores()
    from masklet.cli.server_parts import ModelChoice, open_store, sessions_of
    from masklet.server.app import create_app
    from masklet.server.running import bind, make_server, origins_of
    from masklet.server.settings import Limits, Settings

    data.mkdir()
    model, load = sessions_of(ModelChoice(name="nano", device="cpu", dtype=None))
    with bind(0) as bound:
        settings = Settings(
            data=data,
            origins=origins_of(bound),
            model=model,
            roots={"clips": clips},
            limits=Limits(idle_seconds=idle_seconds),
        )
        print(settings.origins[0], flush=True)
        make_server(create_app(settings, open_store(data, None), load)).run(sockets=[bound])


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3]))
