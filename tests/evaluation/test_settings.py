"""The settings of this floor are light and strict."""

import subprocess
import sys

import pytest
from pydantic import ValidationError

from strandloom.evaluation.settings import BASELINE_NAMES, EvaluationSettings


def test_baselines_by_name_all_or_none():
    assert EvaluationSettings().baseline_names() == BASELINE_NAMES
    assert EvaluationSettings(baselines="none").baseline_names() == ()
    assert EvaluationSettings(baselines=("nearest", "majority")).baseline_names() == ("majority", "nearest")
    with pytest.raises(ValidationError):
        EvaluationSettings(baselines=("magic",))


def test_the_floor_imports_without_torch_scikit_learn_and_scipy():
    code = (
        "import sys, strandloom.evaluation.evaluate, strandloom.evaluation.pooling;"
        "import strandloom.evaluation.baselines.fit;"
        "print([m for m in ('torch', 'sklearn', 'scipy', 'numba', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
