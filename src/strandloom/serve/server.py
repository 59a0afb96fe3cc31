"""Running the service: one process or several, a socket, and a stop that lets open requests end."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from strandloom.errors import UsageError
from strandloom.predict import load
from strandloom.serve.models import Models, Source
from strandloom.serve.settings import ServeSettings
from strandloom.serve.tokens import TokenFile

LOG: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"plain": {"format": "%(asctime)s %(levelname)s %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "plain", "stream": "ext://sys.stderr"}},
    "loggers": {
        name: {"handlers": ["stderr"], "level": "INFO", "propagate": False} for name in ("uvicorn", "strandloom.serve")
    },
}


@dataclass(frozen=True)
class Plan:
    """All that a process of the service needs to begin.

    Parameters
    ----------
    sources
        The bundles.
    settings
        Of the service.
    tokens, genome
        Files.
    shared
        Folder where several processes keep their figures (``PROMETHEUS_MULTIPROC_DIR``, which prometheus_client reads when it is imported).
    """

    sources: tuple[Source, ...]
    settings: ServeSettings
    tokens: Path | None = None
    genome: Path | None = None
    shared: Path | None = None


def check_plan(plan: Plan) -> None:
    """Refuse what is not safe, before anything is loaded.

    Raises
    ------
    UsageError
        Other machines could ask without a token.
    InputError
        The file of tokens is none.
    """
    check_tokens(plan.tokens, plan.settings)


def check_tokens(tokens: Path | None, settings: ServeSettings) -> None:
    """As :func:`check_plan`, of a file of tokens and an address."""
    if tokens is not None:
        if not TokenFile(tokens).tokens():
            raise UsageError(
                "the file holds no token, so nobody could ask",
                where=tokens,
                hint=f"strandloom token add NAME --file {tokens}",
            )
    elif not settings.local:
        raise UsageError(
            f"{settings.host} can be reached by other machines, so tokens are needed",
            where="--host",
            hint="strandloom token add NAME --file tokens.json, then --token-file tokens.json",
        )


def build_app(plan: Plan) -> Any:
    """The application of one process: models are loaded here."""
    from strandloom.io.genome import open_genome
    from strandloom.serve.app import Service, create_app
    from strandloom.serve.metrics import Metrics

    metrics = Metrics(plan.shared)
    models = Models(plan.sources, plan.settings, metrics)
    tokens = None if plan.tokens is None else TokenFile(plan.tokens)
    genome = None if plan.genome is None else open_genome(plan.genome)
    return create_app(Service(models, plan.settings, metrics, tokens, genome))


def bound(settings: ServeSettings) -> socket.socket:
    """A socket at the address.

    Raises
    ------
    UsageError
        The port is taken, or the address is none of this machine.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    found = socket.socket(family, socket.SOCK_STREAM)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind((settings.host, settings.port))
    except OSError as error:
        found.close()
        taken = error.errno in (98, 48)
        said = f"port {settings.port} is in use" if taken else f"cannot listen: {error.strerror or error}"
        raise UsageError(
            said, where=f"{settings.host}:{settings.port}", hint="choose another with --port, or 0 for any free one"
        ) from None
    found.set_inheritable(True)
    return found


def address_of(settings: ServeSettings, listening: socket.socket) -> str:
    """What to open in a browser."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"http://{host}:{listening.getsockname()[1]}"


def serve(plan: Plan, *, began: Callable[[str], None] = lambda _: None) -> None:
    """Serve until SIGTERM or SIGINT; open requests end first, for as long as is allowed.

    Parameters
    ----------
    began
        Hears the address before the models are loaded.

    Raises
    ------
    UsageError
        As :func:`check_plan` and :func:`bound`.
    BundleError
        A bundle cannot be served.
    """
    import uvicorn

    check_plan(plan)
    listening = bound(plan.settings)
    address = address_of(plan.settings, listening)
    common: dict[str, Any] = {
        "log_config": LOG,
        "timeout_graceful_shutdown": plan.settings.drain_seconds,
        "server_header": False,
        "factory": True,
    }
    if plan.settings.workers == 1:
        app = build_app(plan)
        began(address)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # uvicorn raises it again when all is answered
        uvicorn.Server(uvicorn.Config(lambda: app, **common)).run(sockets=[listening])
        return
    from uvicorn.supervisors import Multiprocess

    for source in plan.sources:  # a bundle that cannot be served is said once, here
        load(source.folder)
    config = uvicorn.Config(partial(build_app, plan), workers=plan.settings.workers, **common)
    began(address)
    Multiprocess(config, [listening]).run()


def threads_each(workers: int, *, asked: int | None) -> int | None:
    """Threads of one of several processes; None: as many as one alone would take."""
    if asked is not None or workers == 1:
        return asked
    return max(1, (os.cpu_count() or 1) // workers)
