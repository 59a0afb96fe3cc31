"""``strandloom token``: who may ask a service or work in a studio."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Tokens of a service or a studio: make, list, take back.", no_args_is_help=True)
File = Annotated[Path, typer.Option("--file", help="The file of tokens.", show_default=True)]


class Role(StrEnum):
    """What a token allows."""

    viewer = "viewer"
    editor = "editor"


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="Whose token it is.", show_default=False)],
    file: File = Path("tokens.json"),
    role: Annotated[
        Role, typer.Option(help="viewer: ask and look; editor: also change things in the studio.")
    ] = Role.viewer,
) -> None:
    """Make a token and print it: only its hash is kept, so it is shown this once."""
    from strandloom.cli.console import out, say
    from strandloom.serve.tokens import TokenFile

    token = TokenFile(file).add(name, role=role.value)
    say(f"{role.value} '{name}' in {file}; the token is shown this once:")
    out(token)


@app.command("list")
def listed(file: File = Path("tokens.json")) -> None:
    """Names and roles, as a table."""
    from strandloom.cli.console import out, say
    from strandloom.serve.tokens import TokenFile

    tokens = TokenFile(file).tokens()
    if not tokens:
        say(f"no tokens in {file}")
    for one in tokens:
        out(f"{one.name}\t{one.role}\t{one.created}")


@app.command()
def revoke(
    name: Annotated[str, typer.Argument(help="Whose token it is.", show_default=False)],
    file: File = Path("tokens.json"),
) -> None:
    """Take a token back: a running service refuses it at once."""
    from strandloom.cli.console import say
    from strandloom.serve.tokens import TokenFile

    TokenFile(file).revoke(name)
    say(f"the token of '{name}' no longer works")
