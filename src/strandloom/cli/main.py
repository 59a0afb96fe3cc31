"""The ``strandloom`` command: its verbs, and how errors leave it.

Exit codes: 0 done, 1 the data or the run failed, 2 wrong usage, 130 interrupted.
"""

from __future__ import annotations

import re
import sys

import typer

from strandloom.cli import (
    compare,
    data,
    design,
    doctor,
    encode,
    evaluate,
    explain,
    export,
    init,
    predict,
    search,
    serve,
    simulate,
    sources,
    studio,
    taxonomy,
    token,
    train,
    variants,
)
from strandloom.errors import StrandloomError

INTERRUPTED = 130
OUT_OF_MEMORY = re.compile(r"OutOfMemoryError|can't allocate memory|not enough memory")
"""How torch says it, on a card and on the CPU."""

app = typer.Typer(
    name="strandloom",
    help="Deep learning on DNA sequences: from labelled sequences to a model that people trust, explain and run.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(data.app, name="data")
app.command()(init.init)
app.add_typer(simulate.app, name="simulate")
app.command()(train.train)
app.command()(search.search)
app.command()(evaluate.evaluate)
app.command()(predict.predict)
app.command()(explain.explain)
app.command()(variants.variants)
app.command()(design.design)
app.command()(export.export)
app.command()(compare.compare)
app.add_typer(taxonomy.app, name="taxonomy")
app.add_typer(sources.app, name="sources")
app.add_typer(encode.app, name="encode")
app.command()(serve.serve)
app.command()(studio.studio)
app.add_typer(token.app, name="token")
app.command()(doctor.doctor)


def _version(value: bool) -> None:
    if value:
        from strandloom.version import VERSION

        typer.echo(f"strandloom {VERSION}")
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Print the version and leave."
    ),
) -> None:
    """Deep learning on DNA sequences: from labelled sequences to a model that people trust, explain and run."""


def main() -> None:
    """Run the command line; every known error becomes one message on stderr and an exit code."""
    from strandloom.cli.console import fail

    try:
        app(prog_name="strandloom")
    except StrandloomError as error:
        fail(str(error))
        sys.exit(error.exit_code)
    except SystemExit as leaving:
        if leaving.code == INTERRUPTED:  # Typer's answer to Ctrl-C, without a word
            again = "the same command with --resume goes on where it stopped"
            same = "the same command goes on where it stopped"
            hint = {"train": again, "variants": same, "search": same}.get(next(iter(sys.argv[1:2]), ""), "")
            fail(f"interrupted\nhint: {hint}" if hint else "interrupted")
        raise
    except (MemoryError, RuntimeError) as error:
        if not (isinstance(error, MemoryError) or OUT_OF_MEMORY.search(f"{type(error).__name__}: {error}")):
            raise
        fail("out of memory\nhint: a smaller training.batch_size or data.limit, or a machine with more memory")
        sys.exit(1)
    except OSError as error:
        fail(
            f"{error.filename or 'file system'}: {error.strerror or error}\nhint: check the path, its permissions and the free space"
        )
        sys.exit(1)


if __name__ == "__main__":
    main()
