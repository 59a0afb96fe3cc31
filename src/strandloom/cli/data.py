"""``strandloom data``: look at data before training."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Look at data before training.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Look at data before training."""


@app.command()
def check(
    source: Annotated[
        Path, typer.Argument(metavar="FILE", help="Any supported file of sequences.", show_default=False)
    ],
    sequence: Annotated[str | None, typer.Option(help="The sequence column of a table.")] = None,
    target: Annotated[str | None, typer.Option(help="The label column of a table.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> None:
    """Say what is in a file and what is wrong with it."""
    from strandloom.cli.console import out, out_json
    from strandloom.cli.tables import facts_table
    from strandloom.data.check import check_file

    checked = check_file(source, sequence=sequence, target=target)
    if as_json:
        out_json(checked.as_dict())
    else:
        out(facts_table(checked))
