"""``strandloom serve``: trained models over HTTP."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer


def serve(
    bundles: Annotated[
        list[str],
        typer.Argument(
            metavar="BUNDLE...", help="Bundles, such as RUN/bundle, or NAME=RUN/bundle.", show_default=False
        ),
    ],
    host: Annotated[str, typer.Option(help="Address; any but this machine's own needs --token-file.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port; 0: any free one.")] = 8000,
    token_file: Annotated[
        Path | None,
        typer.Option("--token-file", help="Who may ask (see `strandloom token`).", show_default="this machine only"),
    ] = None,
    genome: Annotated[
        Path | None, typer.Option(help="FASTA that positions of variants count on.", show_default=False)
    ] = None,
    engine: Annotated[str, typer.Option(help="As of `predict`; auto: the fastest that the bundle holds.")] = "auto",
    workers: Annotated[int, typer.Option(min=1, max=64, help="Processes; each holds the models.")] = 1,
    setting: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="NAME=VALUE", help="Any other setting, such as limits.rows=1000.", show_default=False
        ),
    ] = None,
) -> None:
    """Answer over HTTP: predictions, explanations and variants, with an error of its own for each row that cannot be answered.

    The address says how: open it in a browser.
    """
    from strandloom.cli.console import say, threads
    from strandloom.cli.extras import need
    from strandloom.serve.settings import ServeSettings
    from strandloom.settings_file import SettingsFile, override

    need(("fastapi", "uvicorn", "prometheus_client"), extra="serve", what="the service")
    raw = {"host": host, "port": port, "workers": workers, "engine": engine}
    settings = override(SettingsFile(raw, "settings of the service", {}, {}), setting or ()).check(ServeSettings)
    with ExitStack() as stack:
        shared = None
        if settings.workers > 1:
            shared = Path(stack.enter_context(TemporaryDirectory(prefix="strandloom-metrics-")))
            os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(shared)
        from strandloom.serve.models import sources_of
        from strandloom.serve.server import Plan, threads_each
        from strandloom.serve.server import serve as run

        each = threads_each(settings.workers, asked=settings.threads or threads())
        settings = settings.model_copy(update={"threads": each})
        plan = Plan(sources_of(bundles), settings, token_file, genome, shared)
        run(plan, began=lambda address: say(f"listening on {address}"))
