"""What the studies share: running an experiment from Python, and a section each in docs/results.md."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

from strandloom.cli.console import threads
from strandloom.evaluation.blend import NETWORK_ALONE
from strandloom.experiment import check_experiment
from strandloom.io.plain import read_json
from strandloom.run import run_experiment

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "docs" / "results.md"
RUNS = ROOT / "runs" / "studies"


def data_folder() -> Path:
    """The folder of real data, named by STRANDLOOM_DATA."""
    if not os.environ.get("STRANDLOOM_DATA"):
        sys.exit("set STRANDLOOM_DATA to the folder of real data")
    return Path(os.environ["STRANDLOOM_DATA"])


def resolver() -> Callable[[str], Path]:
    """Paths of an experiment stand under the data folder, or are absolute."""
    folder = data_folder()
    return lambda name: Path(name) if Path(name).is_absolute() else folder / name


def run(name: str, raw: dict[str, Any], *, seeds: int = 1) -> dict[str, Any]:
    """Run an experiment (once: a finished run folder is read again) and return its evaluation.json.

    Two studies may run side by side, each under OMP_NUM_THREADS=1.
    """
    folder = RUNS / name
    measured = folder.parent / f"{folder.name}.commit"
    if not measured.is_file():
        measured.parent.mkdir(parents=True, exist_ok=True)
        measured.write_text(commit())
    _measured.add(measured.read_text())
    experiment = check_experiment({"name": name.replace("/", " "), **raw})
    print(f"== {name}", flush=True)
    result = run_experiment(
        experiment,
        out=folder,
        resolve=resolver(),
        seeds=seeds,
        threads=threads(),
        resume=True,
        command=f"studies: {name}",
    )
    print(result.verdict, flush=True)
    return {
        **read_json(folder / "evaluation.json"),
        "environment": read_json(folder / "environment.json"),
        "leakage": read_json(folder / "data.json")["leakage"],
    }


_measured: set[str] = set()
"""The commits at which the runs of this study began."""


def commit() -> str:
    """The commit of the working tree; "+": with changes to what is measured."""

    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()

    changed = git("status", "--porcelain", "--", "src", "studies")
    return (git("rev-parse", "--short", "HEAD") or "unknown") + ("+" if changed else "")


def record(section: str, title: str, body: str) -> None:
    """Replace a study's section in docs/results.md; the rest of the page stays."""
    text = RESULTS.read_text() if RESULTS.is_file() else "# Results\n"
    command = f"make study-{Path(sys.argv[0]).stem}"
    measured = " and ".join(sorted(_measured)) or commit()
    block = (
        f"<!-- begin {section} -->\n## {title}\n\n"
        f"{date.today().isoformat()} · `{command}` · commit {measured}\n\n{body.strip()}\n<!-- end {section} -->"
    )
    pattern = re.compile(rf"<!-- begin {section} -->.*?<!-- end {section} -->", re.DOTALL)
    text = pattern.sub(lambda _: block, text) if pattern.search(text) else f"{text.rstrip()}\n\n{block}\n"
    RESULTS.write_text(text)


def table(header: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def best_baseline(found: dict[str, Any], metric: str = "matthews_corrcoef") -> str:
    """Name of the best baseline; the unblended network is none, and a constant has no correlation."""
    known = {name: scores[metric]["value"] for name, scores in found["baselines"].items() if name != NETWORK_ALONE}
    return max((name for name in known if known[name] is not None), key=lambda name: known[name])


def show(interval: dict[str, Any] | None, digits: int = 3) -> str:
    """A value with its interval."""
    if not interval or interval["value"] is None:
        return "–"
    if interval.get("low") is None:
        return f"{interval['value']:.{digits}f}"
    return f"{interval['value']:.{digits}f} ({interval['low']:.{digits}f}–{interval['high']:.{digits}f})"
