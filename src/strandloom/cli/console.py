"""What the command line prints: messages and progress on stderr, data on stdout."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import Any, Literal

from strandloom.errors import SettingsError


def say(text: str) -> None:
    """One line for the user, on stderr."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def fail(text: str) -> None:
    """An error, on stderr; ``hint:`` lines stand apart; colour only on a terminal and without NO_COLOR."""
    from rich.console import Console
    from rich.text import Text

    colours: Literal["auto"] | None = None if os.environ.get("NO_COLOR") else "auto"
    console = Console(stderr=True, soft_wrap=True, highlight=False, color_system=colours)
    message, _, hint = text.partition("\nhint: ")
    console.print(Text.assemble(("error: ", "bold red"), message))
    if hint:
        console.print(Text.assemble(("hint: ", "bold cyan"), hint))


def out(text: str) -> None:
    """A result, on stdout."""
    sys.stdout.write(text + "\n")


def out_json(value: Any) -> None:
    """A result as JSON, on stdout; numbers that are not finite become null."""
    from strandloom.io.plain import dump_json

    sys.stdout.write(dump_json(value, indent=2) + "\n")


def command_line() -> str:
    """The command as it was typed, for the record of a result; quoted for a shell."""
    return shlex.join(["strandloom", *sys.argv[1:]])


def threads() -> int | None:
    """The number of threads that OMP_NUM_THREADS asks for, if it does.

    Raises
    ------
    SettingsError
        It is not a whole number above 0.
    """
    asked = os.environ.get("OMP_NUM_THREADS", "")
    if not asked:
        return None
    if not asked.isdigit() or int(asked) < 1:
        raise SettingsError(f"OMP_NUM_THREADS is '{asked}'; a whole number of threads is needed", where="environment")
    return int(asked)


def busy() -> str | None:
    """A warning when other programs keep the machine busy: threads that wait for one another then crawl."""
    cores = os.cpu_count() or 1
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    if load < 0.5 * cores or threads() == 1:
        return None
    return (
        f"other programs are busy on this machine (load {load:.1f} on {cores} cores): training may be many times slower; "
        "OMP_NUM_THREADS=1 is faster then"
    )


class PathResolver:
    """Relative paths resolve beside the experiment file, then under STRANDLOOM_DATA.

    Parameters
    ----------
    beside
        Folder of the experiment file.
    """

    def __init__(self, beside: Path) -> None:
        self.beside = beside

    def __call__(self, name: str) -> Path:
        path = Path(name).expanduser()
        if path.is_absolute():
            candidates = [path]
        else:
            candidates = [self.beside / path]
            if os.environ.get("STRANDLOOM_DATA"):
                candidates.append(Path(os.environ["STRANDLOOM_DATA"]) / path)
        for candidate in candidates:
            if candidate.exists():
                return candidate
        looked = " or ".join(str(c) for c in candidates)
        hint = "check the path in data.table"
        if not path.is_absolute() and len(candidates) == 1:
            hint = "set STRANDLOOM_DATA to look in a data folder too"
        raise SettingsError(f"no such data file: {name} (looked for {looked})", where="data.table", hint=hint)
