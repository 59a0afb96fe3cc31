"""One sequence explained: which bases the answer rests on, and what each substitution would do."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from strandloom.alphabet import DNA
from strandloom.errors import StrandloomError, UsageError
from strandloom.explain.attribute import attribute, estimate_passes
from strandloom.explain.attribution import METHODS
from strandloom.explain.mutagenesis import computed_locally
from strandloom.predict import Predictor
from strandloom.run.explain_question import explained_output
from strandloom.serve.models import ServedModel
from strandloom.serve.problems import Problem, problem_of
from strandloom.serve.rows import encoded, tolerant
from strandloom.serve.settings import LimitSettings

DEFAULT = "deeplift"
_KEYS = frozenset({"sequence", "id", "output", "method"})


def explain_sequence(model: ServedModel, body: Any, *, limits: LimitSettings) -> dict[str, Any]:
    """Explain the answer to one sequence.

    Parameters
    ----------
    body
        ``{"sequence", "output", "method"}``; by default the predicted class, the likeliest label or the first value.

    Returns
    -------
    dict
        ``sequence``: the L bases inside the model's window, which begin at ``first_base`` of the sequence, counted from 1;
        ``contributions`` of each, L numbers; ``effects`` of each substitution, L x 4 (``ACGT``), in ``unit``.

    Raises
    ------
    Problem
        The request has another form, there is no such output, the sequence cannot be read, or it would take too long.
    """
    return explain_with(model.explaining(), body, name=model.name, limits=limits)


def explain_with(predictor: Predictor, body: Any, *, name: str, limits: LimitSettings) -> dict[str, Any]:
    """As :func:`explain_sequence`, with a model that torch computes."""
    text, method = _checked(body, limits)
    manifest = predictor.manifest
    records = encoded([str(body.get("id", "1"))[:1000]], [text], tolerant(manifest.letters))
    if not len(records):
        raise Problem(422, "unreadable_sequence", records.left_out()[0].reason)
    if manifest.too_long == "error" and records.lengths[0] > manifest.length:
        raise Problem(422, "too_long", f"{len(text):,} bases; the model takes {manifest.length:,}")
    codes, lengths = predictor.window.place(records)
    scores = predictor.scores(codes, lengths)
    k = _output(body.get("output"), predictor, scores.blended[0])
    asked = explained_output(manifest.task, manifest.labels, k)
    _check_time(predictor, method, limits)
    try:
        found = attribute(
            predictor.modules, codes, output=asked.output, method=method, strand=manifest.strand, against=asked.against,
            check_rows=0, device=predictor.runtime.device, labels=manifest.labels,
        )  # fmt: skip
    except UsageError as error:
        raise Problem(409, "not_of_this_kind", error.message, hint=error.hint) from None
    except StrandloomError as error:
        raise problem_of(error) from None
    size = records.lengths[0]
    left, kept = int(predictor.window.left_edge(size)), int(lengths[0])
    columns = slice(left, left + kept)
    return {
        "model": name,
        "prediction": predictor.answer(records.ids, scores).to_dicts()[0],
        "output": asked.output.label,
        "unit": asked.unit,
        "score": float(found.predicted[0]),
        "method": method,
        "first_base": 1 + max(0, -int(predictor.window.shift(size))),
        "sequence": DNA.decode(codes[0, columns]),
        "contributions": np.round(found.contributions[0, columns].astype(float), 6).tolist(),
        "effects": np.round(found.effects[0, :, columns].T.astype(float), 6).tolist(),
        "bases": "ACGT",
        "cautions": list(found.check.cautions),
    }


def _checked(body: Any, limits: LimitSettings) -> tuple[str, Any]:
    form = '{"sequence": "ACGT…", "output": "NAME", "method": "deeplift"}'
    if not isinstance(body, dict) or not isinstance(body.get("sequence"), str):
        raise Problem(422, "wrong_request", "the body names no sequence", hint=f"send {form}")
    if other := sorted(set(body) - _KEYS):
        raise Problem(422, "wrong_request", f"unknown key '{other[0][:80]}'", hint=f"send {form}")
    if not isinstance(body.get("id", ""), str):
        raise Problem(422, "wrong_request", "the id is no text", hint=f"send {form}")
    method = DEFAULT if body.get("method") is None else body["method"]
    if not isinstance(method, str) or method not in METHODS:
        raise Problem(422, "wrong_request", "there is no such method", hint="use " + ", ".join(METHODS))
    text: str = body["sequence"]
    if len(text) > limits.bases:
        raise Problem(413, "too_long", f"{len(text):,} letters; at most {limits.bases:,}")
    return text, method


def _output(name: Any, predictor: Predictor, scores: np.ndarray) -> int:
    labels = predictor.manifest.labels
    if name is None:
        return 0 if predictor.manifest.task == "value" else int(scores.argmax())
    if not isinstance(name, str) or name not in labels:
        raise Problem(404, "no_such_output", "the model has no such output", hint="outputs: " + ", ".join(labels[:30]))
    return labels.index(name)


def _check_time(predictor: Predictor, method: Any, limits: LimitSettings) -> None:
    """Refuse what would take too long, by the time of one pass."""
    length = predictor.manifest.length
    one = np.zeros((1, length), np.uint8)
    began = time.perf_counter()
    predictor.member_scores(one, np.full(1, length, np.int32))
    spent = time.perf_counter() - began
    local = method == "mutagenesis" and computed_locally(predictor.modules, device=predictor.runtime.device)
    seconds = spent * estimate_passes(method, 1, length, check_rows=0, local=local) / 4  # many at once are cheaper
    if seconds > limits.explain_seconds:
        message = f"this would take about {seconds:.0f} s; at most {limits.explain_seconds:.0f} s are allowed"
        raise Problem(422, "too_dear", message, hint="use the method gradient, or `strandloom explain`")
