"""``strandloom compare``: several runs side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def compare(
    runs: Annotated[list[Path], typer.Argument(help="Two or more run folders.", show_default=False)],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Write the comparison as an HTML page.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Compare runs: metrics with intervals, and what differs between their experiment files."""
    from strandloom.cli.console import out as say_out
    from strandloom.cli.console import out_json, say
    from strandloom.cli.tables import comparison_table
    from strandloom.run import compare_runs

    comparison = compare_runs(runs)
    if out is not None:
        from strandloom.io.write import replacing

        with replacing(out, text=True) as handle:
            handle.write(comparison.html())
        say(f"comparison: {out}")
    if as_json:
        out_json(comparison.as_dict())
    else:
        say_out(comparison_table(comparison.as_dict()))
