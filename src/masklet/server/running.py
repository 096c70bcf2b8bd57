"""A server on a port of this machine."""

from __future__ import annotations

import socket

import uvicorn
from fastapi import FastAPI

from masklet.server.app import MOST_MESSAGE

LOOPBACK = "127.0.0.1"


def bind(port: int) -> socket.socket:
    """A listening socket on the loopback address; port 0: any free one. Raises ValueError where it is taken."""
    if not 0 <= port < 2**16:
        raise ValueError(f"a port is a number in 0..65535, got {port}")
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((LOOPBACK, port))
        bound.listen(128)  # from now on browsers wait rather than fail
    except OSError as error:
        bound.close()
        raise ValueError(f"cannot listen on port {port}: {(error.strerror or str(error)).lower()}") from None
    return bound


def origins_of(bound: socket.socket) -> tuple[str, ...]:
    """The addresses under which a browser on this machine reaches a bound socket, the one to open first."""
    port = bound.getsockname()[1]
    return f"http://{LOOPBACK}:{port}", f"http://localhost:{port}"


def make_server(app: FastAPI) -> uvicorn.Server:
    """A server to be run on a socket from `bind`."""
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        ws_max_size=MOST_MESSAGE,
        timeout_graceful_shutdown=5,
        server_header=False,
    )
    return uvicorn.Server(config)
