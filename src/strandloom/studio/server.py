"""Running the studio."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from pathlib import Path

from strandloom.errors import UsageError
from strandloom.serve.server import LOG, bound
from strandloom.serve.tokens import TokenFile
from strandloom.studio.settings import StudioSettings
from strandloom.studio.studio import Studio
from strandloom.studio.workspace import open_workspace


def run_studio(
    folder: str | Path, settings: StudioSettings, *, tokens: Path | None, began: Callable[[str], None] = lambda _: None
) -> None:
    """Run the studio of a workspace until SIGTERM or SIGINT.

    Parameters
    ----------
    tokens
        Who may come in; None: everyone on this machine.
    began
        Hears the address.

    Raises
    ------
    UsageError
        Other machines could come in without a token, or the port is taken.
    OutputError
        The folder is no workspace and cannot become one.
    """
    import uvicorn

    from strandloom.studio.app import create_studio_app

    if tokens is not None and not TokenFile(tokens).tokens():
        raise UsageError(
            "the file holds no token", where=tokens, hint=f"strandloom token add NAME --role editor --file {tokens}"
        )
    if tokens is None and not settings.local:
        raise UsageError(
            f"{settings.host} can be reached by other machines, so tokens are needed",
            where="--host",
            hint="strandloom token add NAME --role editor --file tokens.json, then --token-file tokens.json",
        )
    listening = bound(settings.serving())
    studio = Studio(open_workspace(folder), settings, None if tokens is None else TokenFile(tokens))
    app = create_studio_app(studio)
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    began(f"http://{host}:{listening.getsockname()[1]}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    config = uvicorn.Config(
        app, log_config=LOG, server_header=False, timeout_graceful_shutdown=5, ws_max_size=1 << 22, access_log=False
    )
    uvicorn.Server(config).run(sockets=[listening])
