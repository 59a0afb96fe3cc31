"""``strandloom studio``: data, models, runs and deployments in a browser."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def studio(
    workspace: Annotated[Path, typer.Argument(help="The folder that it works in; made if it is not there.")] = Path(
        "studio"
    ),
    host: Annotated[str, typer.Option(help="Address; any but this machine's own needs --token-file.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port; 0: any free one.")] = 8080,
    token_file: Annotated[
        Path | None,
        typer.Option(
            "--token-file", help="Who may come in (see `strandloom token`).", show_default="this machine only"
        ),
    ] = None,
    setting: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Any other setting, such as at_once=2.", show_default=False),
    ] = None,
) -> None:
    """Work in a browser: bring data in, build models, train, judge, compare, deploy. All of it is ordinary files and folders."""
    from strandloom.cli.console import say, threads
    from strandloom.cli.extras import need
    from strandloom.settings_file import SettingsFile, override
    from strandloom.studio.settings import StudioSettings

    need(("fastapi", "uvicorn", "prometheus_client", "nicegui", "sqlalchemy"), extra="serve,studio", what="the studio")
    raw = {"host": host, "port": port, "threads": threads()}
    settings = override(SettingsFile(raw, "settings of the studio", {}, {}), setting or ()).check(StudioSettings)
    from strandloom.studio.server import run_studio

    run_studio(workspace, settings, tokens=token_file, began=lambda address: say(f"the studio is at {address}"))
