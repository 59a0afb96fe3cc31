"""What the benchmarks share: alternating measurements, what was measured where, and the tables of results."""

from __future__ import annotations

import json
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results.json"
TABLES = ROOT / "benchmarks" / "results.md"


def alternate(ways: Mapping[str, Callable[[], float]], *, repeats: int = 5) -> dict[str, list[float]]:
    """Call every way in turn, so many times; each returns its own figure. A first round is thrown away."""
    found: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(repeats + 1):
        for name, way in ways.items():
            value = way()
            if number:
                found[name].append(value)
        print(f"  round {number} of {repeats}", file=sys.stderr, flush=True)
    return found


def timed(work: Callable[[], object]) -> float:
    """Seconds of one call."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def median(values: Sequence[float]) -> float:
    """The median."""
    return statistics.median(values)


def spread(values: Sequence[float]) -> str:
    """Lowest to highest."""
    return f"{min(values):,.4g} to {max(values):,.4g}"


def machine(packages: Sequence[str] = ()) -> dict[str, Any]:
    """Processor, cores, Python, versions, commit and date."""
    import os

    said = dict(line.split(":", 1) for line in _lines("/proc/cpuinfo") if ":" in line)
    told = {key.strip(): value.strip() for key, value in said.items()}
    cpu = told.get("model name", platform.processor())
    if "cpu family" in told:
        cpu += f" (family {told['cpu family']}, model {told['model']})"

    return {
        "date": date.today().isoformat(),
        "commit": commit(),
        "processor": cpu,
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in packages},
    }


def commit() -> str:
    """The commit of the working tree; "+": with changes to what is measured."""

    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()

    changed = git("status", "--porcelain", "--", "src", "benchmarks/*.py")
    return (git("rev-parse", "--short", "HEAD") or "unknown") + ("+" if changed else "")


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []


def record(
    name: str, title: str, rows: Sequence[Mapping[str, Any]], *, packages: Sequence[str], note: str = ""
) -> None:
    """Print a table of rows (equal keys) and put it under ``name`` in ``results.json`` and ``results.md``; other names stay."""
    known = json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}
    known[name] = {"title": title, "note": note, "machine": machine(packages), "rows": [dict(row) for row in rows]}
    RESULTS.write_text(json.dumps(known, indent=1) + "\n")
    TABLES.write_text(
        "# Benchmarks\n\nWritten by `make bench`.\n" + "".join(_section(known[key]) for key in sorted(known))
    )
    print(f"\n{title}")
    if note:
        print(note)
    cells = _cells(rows)
    widths = [max(len(line[i]) for line in cells) for i in range(len(cells[0]))]
    for line in cells:
        print(
            "  ".join(
                cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(line, widths, strict=True))
            )
        )


def _cells(rows: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    header = list(rows[0])
    return [header, *([_show(row[key]) for key in header] for row in rows)]


def _section(found: Mapping[str, Any]) -> str:
    """One table in Markdown, with what it was measured on."""
    header, *lines = _cells(found["rows"])
    where = found["machine"]
    versions = ", ".join(f"{key} {value}" for key, value in where["versions"].items())
    about = (
        f"{where['date']}, commit {where['commit']}, {where['processor']}, {where['cores']} cores, "
        f"Python {where['python']}, {versions}"
    )
    table = [header, ["---"] + ["---:"] * (len(header) - 1), *lines]
    note = f"{found['note']}. " if found["note"] else ""
    return f"\n## {found['title']}\n\n{note}{about}\n\n" + "".join(f"| {' | '.join(line)} |\n" for line in table)


def _show(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return str(value)
