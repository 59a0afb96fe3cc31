"""An experiment becomes a run folder; a bundle meets a labelled table, or is explained; runs are compared."""

from strandloom.run.assess import Assessment, evaluate_bundle
from strandloom.run.compare import compare_runs
from strandloom.run.explain import explain_bundle
from strandloom.run.train import RunResult, run_experiment

__all__ = ["Assessment", "RunResult", "compare_runs", "evaluate_bundle", "explain_bundle", "run_experiment"]
