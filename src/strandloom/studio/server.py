"""Running the studio."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from pathlib import Path

from strandloom.run.folder import held
from strandloom.serve.server import LOG, address_of, bound, check_tokens
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
        The folder is no workspace and cannot become one, or another studio works in it.
    """
    import uvicorn

    from strandloom.studio.app import create_studio_app

    check_tokens(tokens, settings.serving())
    listening = bound(settings.serving())
    space = open_workspace(folder)
    with held(
        space.root, what="another studio works in this folder", hint="open its address, stop it, or name another folder"
    ):
        studio = Studio(space, settings, None if tokens is None else TokenFile(tokens))
        app = create_studio_app(studio)
        began(address_of(settings.serving(), listening))
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        config = uvicorn.Config(
            app, log_config=LOG, server_header=False, timeout_graceful_shutdown=5, ws_max_size=1 << 22, access_log=False
        )
        uvicorn.Server(config).run(sockets=[listening])
