"""The child process of `masklet.server.probing`: a request on standard input, one JSON object on standard output."""

from __future__ import annotations

import contextlib
import json
import sys
import warnings
from pathlib import Path

from masklet.media import MediaError, open_clip, probe
from masklet.server.probing import Found, Unfit, as_json, check


def main() -> None:
    request = json.loads(sys.stdin.read())
    path = Path(request["path"])
    _limit(request["seconds"], request["bytes"])
    warnings.simplefilter("ignore")  # of damaged files, which are let in as far as they go
    try:
        info = probe(path)
        found = Found(kind=info.kind, width=info.width, height=info.height, frames=info.frames, fps=info.fps)
        check(found, request["frames"], request["pixels"])
        with open_clip(path) as clip:
            clip[0]
    except (MediaError, Unfit) as error:
        # Messages of media begin with the path, which is nobody's business but the server's.
        print(json.dumps({"error": " ".join(str(error).split()).replace(str(path), path.name)}))
    else:
        print(as_json(found))


def _limit(seconds: float, memory: int) -> None:
    try:
        import resource
    except ImportError:  # Windows: the parent's timeout is all there is
        return
    for what, value in ((resource.RLIMIT_CPU, int(seconds) + 1), (resource.RLIMIT_AS, memory)):
        with contextlib.suppress(ValueError, OSError):  # macOS does not limit address space
            resource.setrlimit(what, (value, value))


if __name__ == "__main__":
    main()
