"""The composition of a sample that is sent: shares of its sources with intervals."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from strandloom.bundle import SOURCES_CALIBRATION
from strandloom.errors import StrandloomError
from strandloom.serve.answerers import NetworkAnswerer, SourceAnswerer
from strandloom.serve.models import Loaded
from strandloom.serve.problems import Problem, problem_of
from strandloom.serve.uploads import check_kind

if TYPE_CHECKING:
    from strandloom.workflows.sources.store import Loaded as SourceModel


def sources_of(model: Loaded) -> tuple[SourceModel, int]:
    """The source model that a bundle holds, and its threads.

    Raises
    ------
    Problem
        409: it holds none.
    """
    from strandloom.workflows.sources.store import of_predictor

    answerer = model.answerer
    if isinstance(answerer, SourceAnswerer):
        return answerer.loaded, answerer.runtime.threads
    if isinstance(answerer, NetworkAnswerer) and SOURCES_CALIBRATION in answerer.predictor.bundle.parts:
        try:
            return of_predictor(answerer.predictor, where=model.name), answerer.predictor.runtime.threads
        except StrandloomError as error:
            raise problem_of(error) from None
    raise Problem(409, "not_of_this_kind", "only a source model tells the composition of a sample")


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
    from strandloom.workflows.sources.settings import EstimateSettings, ReadSettings

    settings = EstimateSettings()
    loaded, threads = sources_of(model)
    try:
        check_kind(path)
        found = estimate_sample(
            SampleFiles("sample", path),
            loaded.model,
            loaded.calibration,
            settings=settings,
            reads=ReadSettings(),
            threads=threads,
        )
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
