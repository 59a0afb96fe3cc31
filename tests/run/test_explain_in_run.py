"""An ``explain:`` section: the motifs of the test rows stand in the report, and the pages beside it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from torch import nn

from strandloom.errors import SettingsError
from strandloom.experiment import Experiment
from strandloom.run import run_experiment

EXPLAIN = {"method": "gradient", "backgrounds": 10, "pages": 1, "filters": False}


def test_the_report_holds_the_motifs(experiment: Callable[..., Experiment], tmp_path: Path) -> None:
    run = run_experiment(experiment(explain=EXPLAIN), out=tmp_path / "run", device="cpu")
    html = (run.folder / "report.html").read_text()
    assert "What the network reads" in html
    assert 'href="explanation/motifs.html"' in html
    told = json.loads((run.folder / "explanation" / "explanation.json").read_text())
    assert told["outputs"][0]["sequences"] == 60  # the test rows
    assert "explain" in json.loads((run.folder / "environment.json").read_text())["seconds"]


def test_every_class_has_a_section(experiment: Callable[..., Experiment], table: Path, tmp_path: Path) -> None:
    frame = pl.read_csv(table, separator="\t").with_columns((pl.int_range(pl.len()) % 3).alias("label"))
    frame.write_csv(tmp_path / "three.tsv", separator="\t")
    asked = experiment(data={"table": str(tmp_path / "three.tsv")}, explain={**EXPLAIN, "output": ["0", "1", "2"]})
    run = run_experiment(asked, out=tmp_path / "run", device="cpu")
    html = (run.folder / "report.html").read_text()
    for label in "012":
        assert f"What the network reads for class {label}" in html
    pages = {path.name for path in (run.folder / "explanation").glob("motifs*.html")}
    assert pages == {"motifs.html", "motifs-1.html", "motifs-2.html"}
    assert len(set(_ids(html))) == len(_ids(html))


def test_your_own_module_is_explained(experiment: Callable[..., Experiment], tmp_path: Path) -> None:
    own = nn.Sequential(nn.Conv1d(4, 8, 5), nn.ReLU(), nn.AdaptiveMaxPool1d(1), nn.Flatten(), nn.Linear(8, 2))
    run = run_experiment(experiment(explain=EXPLAIN), out=tmp_path / "run", device="cpu", model=own)
    assert (run.folder / "explanation" / "motifs.html").is_file()


def test_the_motif_file_is_missed_before_training(experiment: Callable[..., Experiment], tmp_path: Path) -> None:
    def resolve(name: str) -> Path:
        if name == "absent.meme":
            raise SettingsError(f"no such data file: {name}", where="data.table")
        return Path(name)

    with pytest.raises(SettingsError, match="no such motif file") as told:
        run_experiment(
            experiment(explain={**EXPLAIN, "motifs": "absent.meme"}),
            out=tmp_path / "run",
            resolve=resolve,
            device="cpu",
        )
    assert told.value.where == "explain.motifs"
    assert not (tmp_path / "run").exists()


def _ids(html: str) -> list[str]:
    import re

    return re.findall(r'\sid="([^"]+)"', html)
