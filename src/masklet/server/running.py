"""A server on a port of this machine."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

import uvicorn
from fastapi import FastAPI

from masklet.server.settings import Limits

LOOPBACK = "127.0.0.1"
_PORTS = {"http": 80, "https": 443}


def bind(port: int, host: str = LOOPBACK) -> socket.socket:
    """A listening socket; port 0: any free one. Raises ValueError where it is taken, or the host is not this machine.

    Parameters
    ----------
    host
        A name or address of this machine; `0.0.0.0` and `::` are all of them.
    """
    if not 0 <= port < 2**16:
        raise ValueError(f"a port is a number in 0..65535, got {port}")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise ValueError(f"there is no address of {host!r}: {(error.strerror or str(error)).lower()}") from None
    bound = socket.socket(family, kind, protocol)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind(address)
        bound.listen(128)  # from now on browsers wait rather than fail
    except OSError as error:
        bound.close()
        place = f"port {port}" if host == LOOPBACK else f"{host} port {port}"
        raise ValueError(f"cannot listen on {place}: {(error.strerror or str(error)).lower()}") from None
    return bound


def origins_of(bound: socket.socket) -> tuple[str, ...]:
    """The addresses under which a browser on this machine reaches a bound socket, the one to open first."""
    host, port = bound.getsockname()[:2]
    address = ipaddress.ip_address(host.partition("%")[0])
    if address.is_unspecified:
        names: tuple[str, ...] = (LOOPBACK, "localhost")
    else:
        written = f"[{address}]" if address.version == 6 else str(address)
        names = (written, "localhost") if address.is_loopback else (written,)
    return tuple(f"http://{name}:{port}" for name in names)


def is_everywhere(bound: socket.socket) -> bool:
    """Whether a bound socket has all addresses of the machine."""
    return ipaddress.ip_address(bound.getsockname()[0].partition("%")[0]).is_unspecified


def is_private(origin: str) -> bool:
    """Whether what a browser sends to an address is read by nobody on the way: it is encrypted, or stays here."""
    parts = urlsplit(origin)
    if parts.scheme == "https" or parts.hostname == "localhost":
        return True
    try:
        return ipaddress.ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return False


def checked_origin(text: str) -> str:
    """An address such as `https://masks.example.org`, as browsers write it. Raises ValueError for anything else."""
    wrong = f"expected an address such as https://masks.example.org, without a path, got {text!r}"
    try:
        parts = urlsplit(text.lower())
        port = parts.port
    except ValueError:
        raise ValueError(wrong) from None
    name = parts.hostname
    if parts.scheme not in _PORTS or not name or parts.path not in ("", "/") or parts.query or parts.username:
        raise ValueError(wrong)
    name = f"[{name}]" if ":" in name else name
    return f"{parts.scheme}://{name}" + ("" if port in (None, _PORTS[parts.scheme]) else f":{port}")


def make_server(
    app: FastAPI, limits: Limits | None = None, proxies: Sequence[str] = (), path: Path | None = None
) -> uvicorn.Server:
    """A server to be run on a socket from `bind`, or on a Unix socket.

    Parameters
    ----------
    limits
        On the size of messages.
    proxies
        Addresses of reverse proxies, which alone are believed where a request comes from; "*" for whoever connects.
    path
        Of the Unix socket, which must not be there yet.
    """
    config = uvicorn.Config(
        app,
        uds=None if path is None else str(path),
        log_config=None,
        access_log=False,
        ws_max_size=(limits or Limits()).message_bytes,
        proxy_headers=bool(proxies),
        forwarded_allow_ips=list(proxies),
        timeout_graceful_shutdown=5,
        server_header=False,
    )
    return uvicorn.Server(config)
