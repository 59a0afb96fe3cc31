"""``strandloom doctor``: versions, device and speed of this machine."""

from __future__ import annotations

from typing import Annotated

import typer


def doctor(
    device: Annotated[str, typer.Option(help="auto, cpu, cuda …")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> None:
    """Report versions, the device and its speed, and what is missing."""
    from strandloom.cli.checkup import checkup
    from strandloom.cli.console import out, out_json

    found = checkup(device)
    if as_json:
        out_json(found)
        return
    for section, values in found.items():
        out(f"{section}")
        for key, value in values.items():
            out(f"  {key:<22} {value}")
