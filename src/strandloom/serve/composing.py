"""The composition of a sample that is sent: shares of its sources with intervals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from strandloom.errors import StrandloomError
from strandloom.serve.answerers import SourceAnswerer
from strandloom.serve.models import Loaded
from strandloom.serve.problems import Problem, problem_of


def composition_of(path: Path, model: Loaded) -> dict[str, Any]:
    """Answer the reads of a file and estimate what they are a mixture of, as ``strandloom sources estimate`` does of one sample.

    Returns
    -------
    dict
        ``reads`` met and ``used``, ``level`` of the intervals, ``shares`` (``source, proportion, low, high``; unknown last), ``warnings``.

    Raises
    ------
    Problem
        It is no source model, or no read of the file can be used.
    """
    from strandloom.workflows.sources.collection import UNKNOWN
    from strandloom.workflows.sources.composition import METHODS
    from strandloom.workflows.sources.estimate import estimate_sample, warnings_of
    from strandloom.workflows.sources.reads import SampleFiles
    from strandloom.workflows.sources.settings import EstimateSettings

    answerer = model.answerer
    if not isinstance(answerer, SourceAnswerer):
        raise Problem(409, "not_of_this_kind", "only a source model tells the composition of a sample")
    settings = EstimateSettings()
    loaded, threads = answerer.loaded, answerer.runtime.threads
    try:
        found = estimate_sample(
            SampleFiles("sample", path), loaded.model, loaded.calibration, settings=settings, reads=answerer.settings,
            threads=threads,
        )  # fmt: skip
    except StrandloomError as error:
        raise problem_of(error, shown="the file") from None
    if not found.composition.reads:
        if found.fault is not None:
            raise problem_of(found.fault, shown="the file")
        said = "; ".join(found.facts.lines()) or "the file holds no read"
        raise Problem(422, "no_rows", f"no read can be used: {said}")
    shares = found.composition.shares[METHODS[0]]
    columns = [np.round(x, 6).tolist() for x in (shares.value, shares.low, shares.high)]
    rows = zip((*loaded.model.environments, UNKNOWN), *columns, strict=True)
    return {
        "model": model.name,
        "digest": model.digest,
        "reads": found.facts.reads,
        "used": found.facts.kept,
        "level": settings.level,
        "shares": [dict(zip(("source", "proportion", "low", "high"), row, strict=True)) for row in rows],
        "warnings": warnings_of(found, few=settings.few),
    }
