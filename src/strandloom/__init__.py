"""Deep learning on DNA sequences: from labelled sequences to a model that people trust, explain and run.

>>> import strandloom
>>> run = strandloom.train(strandloom.read_experiment("exp.yaml"), out="RUN")   # doctest: +SKIP
>>> strandloom.load(run.bundle).predict(["ACGTACGT"])                           # doctest: +SKIP

Everything here is imported when it is first used, so that ``import strandloom`` is light.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from strandloom.errors import StrandloomError as StrandloomError
    from strandloom.experiment import Experiment as Experiment
    from strandloom.experiment import check_experiment as check_experiment
    from strandloom.experiment import read_experiment as read_experiment
    from strandloom.predict import Predictor as Predictor
    from strandloom.predict import load as load
    from strandloom.predict import predict_file as predict_file
    from strandloom.run import compare_runs as compare_runs
    from strandloom.run import evaluate_bundle as evaluate_bundle
    from strandloom.run import explain_bundle as explain_bundle
    from strandloom.run import run_experiment as train

_HOMES = {
    "Experiment": ("strandloom.experiment", "Experiment"),
    "Predictor": ("strandloom.predict", "Predictor"),
    "StrandloomError": ("strandloom.errors", "StrandloomError"),
    "check_experiment": ("strandloom.experiment", "check_experiment"),
    "compare_runs": ("strandloom.run", "compare_runs"),
    "evaluate_bundle": ("strandloom.run", "evaluate_bundle"),
    "explain_bundle": ("strandloom.run", "explain_bundle"),
    "load": ("strandloom.predict", "load"),
    "predict_file": ("strandloom.predict", "predict_file"),
    "read_experiment": ("strandloom.experiment", "read_experiment"),
    "train": ("strandloom.run", "run_experiment"),
}

__all__ = [
    "Experiment",
    "Predictor",
    "StrandloomError",
    "check_experiment",
    "compare_runs",
    "evaluate_bundle",
    "explain_bundle",
    "load",
    "predict_file",
    "read_experiment",
    "train",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'strandloom' has no attribute {name!r}")
    module, inside = _HOMES[name]
    return getattr(import_module(module), inside)


def __dir__() -> list[str]:
    return __all__
