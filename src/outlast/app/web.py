"""Web: /metrics, /healthz and /readyz, and the operator's board, served beside the roles.

`/healthz` says that the process turns; `/readyz` that it can do its work: store and providers answer. Not
being ready never takes anything out of the DNS.
"""

import contextlib
import socket
from collections.abc import Iterator, Sequence

import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from outlast.app.board.front import Front
from outlast.app.troubles import Troubles
from outlast.drivers.telemetry import Metrics
from outlast.model.errors import ConfigError
from outlast.model.topology import Address

BACKLOG = 1024
"""Connections that may wait to be accepted: a thousand boards that are told of a change come at once."""

_TAKEN = (
    "another `outlast up` may run already (see `outlast status`); "
    "else choose another address with settings.http or --http"
)


def make_web(metrics: Metrics, troubles: Troubles, board: Sequence[BaseRoute] = ()) -> Starlette:
    """Make the application.

    Args:
        board: the operator's board; empty: there is none.
    """

    async def show_metrics(request: Request) -> Response:
        del request
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)

    async def show_health(request: Request) -> Response:
        del request
        return JSONResponse({"status": "alive"})

    async def show_readiness(request: Request) -> Response:
        del request
        stopping = troubles.stopping()
        status = {"status": "not ready" if stopping else "ready", "wrong": troubles.now()}
        return JSONResponse(status, status_code=503 if stopping else 200)

    application = Starlette(
        routes=[
            Route("/metrics", show_metrics),
            Route("/healthz", show_health),
            Route("/readyz", show_readiness),
            *board,
        ]
    )
    application.state.troubles = troubles.now  # the board tells them, too
    return application


class WebServer(uvicorn.Server):
    """Serves until told to stop; leaves the process's signals to whoever runs it."""

    def __init__(self, application: Starlette, front: Front | None = None) -> None:
        super().__init__(
            uvicorn.Config(
                application,
                log_level="critical",
                lifespan="off",
                timeout_graceful_shutdown=1,
                proxy_headers=False,  # limits go by the address that really asks
                server_header=False,
                ssl_certfile=front.cert if front is not None else None,
                ssl_keyfile=front.key if front is not None else None,
            )
        )

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave them alone: `outlast up` decides what a signal means."""
        yield


def listen(address: Address, what: str = "metrics", remedy: str = _TAKEN) -> socket.socket:
    """Bind the socket to serve on, before anything else starts.

    Args:
        what: what is served there.
        remedy: what to do where it cannot be.

    Raises:
        ConfigError: the address is taken, or none of ours.
    """
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((address.host, address.port))
        sock.listen(BACKLOG)
        sock.setblocking(False)  # noqa: FBT003 - the standard library has no keyword for it
    except OSError as error:
        sock.close()
        raise ConfigError(
            f"cannot serve {what} at {address}: {error.strerror}", remedy=remedy
        ) from error
    return sock
