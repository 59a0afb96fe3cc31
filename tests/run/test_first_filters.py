"""``training.first_filters``: a run whose first filters start from known motifs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from strandloom.bundle import read_bundle
from strandloom.cli.console import PathResolver
from strandloom.errors import InputError, OutputError, SettingsError
from strandloom.experiment import Experiment
from strandloom.io.motif_write import write_jaspar, write_meme
from strandloom.io.motifs import read_motifs
from strandloom.predict import load
from strandloom.run import run_experiment
from strandloom.run.progress import Quiet

Make = Callable[..., Experiment]
RESTING: dict[str, Any] = {"epochs": 1, "average": None, "optimizer": {"learning_rate": 1e-12, "weight_decay": 0}}
"""A training that leaves the first weights as they are."""


class Told(Quiet):
    """Keeps the remarks of a run."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)


class Killed(Exception):
    """Stands for the end of a process."""


@pytest.fixture
def motifs(tmp_path: Path) -> Path:
    """Five motifs of 4 to 8 positions in a MEME file."""
    rng = np.random.default_rng(0)
    write_meme(tmp_path / "known.meme", {f"M{w} name": rng.dirichlet([0.2] * 4, w) for w in range(4, 9)})
    return tmp_path / "known.meme"


def asked(experiment: Make, motifs: Path | str, **training: Any) -> Experiment:
    return experiment(
        training={"epochs": 1, **training, "first_filters": {"motifs": str(motifs), "share": 0.5}},
        evaluation={"baselines": ["majority"]},
    )


def first_kernels(bundle: Path) -> np.ndarray:
    """``(F, 4, W)``."""
    weights = read_bundle(bundle).weights[0]
    return next(array for array in weights.values() if array.ndim == 3)


def test_the_filters_start_from_motifs_and_the_run_says_so(experiment: Make, motifs: Path, tmp_path: Path) -> None:
    told = Told()
    run = run_experiment(asked(experiment, motifs, **RESTING), out=tmp_path / "run", device="cpu", progress=told)
    assert [line for line in told.lines if "known motifs" in line] == [
        "  4 of 8 first filters start from 4 known motifs, 1 of them trimmed to their most informative window"
    ]
    kernels, matrices = first_kernels(run.bundle), read_motifs(motifs)
    held = [
        sum(
            np.allclose(kernel[:, at : at + 5], matrix[first : first + 5].T - 0.25, atol=1e-5)
            for matrix in matrices.values()
            for first in range(max(len(matrix) - 4, 0))
            for at in range(3)
        )
        for kernel in kernels
    ]
    assert sum(n > 0 for n in held[:4]) >= 3  # the motif of four positions is too short for this look
    assert held[4:] == [0] * 4
    noted = json.loads((run.folder / "environment.json").read_text())
    assert noted["first_filters"].keys() == {"path", "resolved", "sha256", "bytes", "filters", "set"}
    assert (noted["first_filters"]["filters"], noted["first_filters"]["set"]) == (8, 4)
    assert len(noted["inputs"]) == 1
    plain = experiment(training=RESTING, evaluation={"baselines": ["majority"]})
    assert "first_filters" not in json.loads(
        (run_experiment(plain, out=tmp_path / "plain", device="cpu").folder / "environment.json").read_text()
    )


def test_the_bundle_does_not_need_the_file(experiment: Make, motifs: Path, tmp_path: Path) -> None:
    run = run_experiment(asked(experiment, motifs), out=tmp_path / "run", device="cpu")
    motifs.unlink()
    assert load(run.bundle, device="cpu").predict(["ACGT" * 10]).height == 1


def test_each_seed_starts_anew(experiment: Make, motifs: Path, tmp_path: Path) -> None:
    run = run_experiment(asked(experiment, motifs, **RESTING), out=tmp_path / "run", device="cpu", seeds=2)
    first, second = (
        next(array for array in weights.values() if array.ndim == 3) for weights in read_bundle(run.bundle).weights
    )
    assert not np.allclose(first, second, atol=1e-3)


def test_a_resumed_run_is_the_straight_one(
    experiment: Make, motifs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = asked(experiment, motifs, epochs=2)
    straight = run_experiment(settings, out=tmp_path / "straight", device="cpu")
    # killed before the training, and once more after it
    for place in ("train_members", "pool"):
        with monkeypatch.context() as patch:

            def die(*_: object, **__: object) -> None:
                raise Killed

            patch.setattr(f"strandloom.run.train.{place}", die)
            with pytest.raises(Killed):
                run_experiment(settings, out=tmp_path / "resumed", device="cpu", resume=True)
    resumed = run_experiment(settings, out=tmp_path / "resumed", device="cpu", resume=True)
    for mine, theirs in zip(read_bundle(straight.bundle).weights, read_bundle(resumed.bundle).weights, strict=True):
        assert all(np.array_equal(mine[name], theirs[name]) for name in mine)


def test_changed_motifs_are_refused_on_resume(
    experiment: Make, motifs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("strandloom.run.train.train_members", die)
        with pytest.raises(Killed):
            run_experiment(asked(experiment, motifs), out=tmp_path / "run", device="cpu")
    write_jaspar(motifs, read_motifs(motifs))
    with pytest.raises(OutputError, match=r"known\.meme was changed since the run began"):
        run_experiment(asked(experiment, motifs), out=tmp_path / "run", device="cpu", resume=True)


def test_wrong_files(experiment: Make, motifs: Path, table: Path, tmp_path: Path) -> None:
    motifs.write_text(motifs.read_text().replace("w= 5", "w= 6"))
    with pytest.raises(InputError, match=r"known\.meme:\d+: 'M5 name' says w= 6 but has 5 rows"):
        run_experiment(asked(experiment, motifs), out=tmp_path / "run", device="cpu")
    with pytest.raises(InputError, match="the motif file cannot be read"):
        run_experiment(asked(experiment, "nothing.meme"), out=tmp_path / "run", device="cpu")
    with pytest.raises(SettingsError, match=r"no such motif file: nothing\.meme") as caught:
        run_experiment(
            asked(experiment, "nothing.meme"), out=tmp_path / "run", device="cpu", resolve=PathResolver(table.parent)
        )
    assert caught.value.where == "training.first_filters.motifs"
    assert not (tmp_path / "run").exists()


def test_motifs_that_fit_no_filter(experiment: Make, motifs: Path, tmp_path: Path) -> None:
    write_meme(motifs, {"wide": np.eye(4)[np.arange(30) % 4]})
    with pytest.raises(SettingsError, match=r"none of the 1 motifs fits the first filters \(7 positions wide\)"):
        run_experiment(asked(experiment, motifs), out=tmp_path / "run", device="cpu")
