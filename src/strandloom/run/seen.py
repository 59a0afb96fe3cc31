"""Which rows of a table a model has seen: hashes of its training and validation sequences travel in the bundle."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from strandloom.alphabet import Codes
from strandloom.bundle import Bundle, Part
from strandloom.data.cautions import share
from strandloom.data.dataset import Dataset
from strandloom.data.split.core import TEST, TRAIN, VALIDATION, Split
from strandloom.data.split.index import hash_rows

NAME = "seen"
"""The part of a bundle."""


def seen_part(dataset: Dataset, splits: Sequence[Split]) -> Part:
    """Hashes uint64 ``(M,)``, sorted and distinct, of every sequence that some network trained on or was chosen by."""
    used = np.zeros(len(dataset), bool)
    for split in splits:
        used |= (split.part == TRAIN) | (split.part == VALIDATION)
    return Part({"hashes": np.unique(_hashes(np.asarray(dataset.codes[np.flatnonzero(used)])))})


def seen_rows(bundle: Bundle, codes: Codes) -> int | None:
    """How many rows ``(N, L)``, on either strand, the model has seen; None where the bundle does not say."""
    part = bundle.parts.get(NAME)
    if part is None:
        return None
    return int(np.isin(_hashes(codes), part.arrays["hashes"]).sum())


def seen_before(bundle: Bundle, dataset: Dataset, splits: Sequence[Split]) -> str:
    """A warning where networks that begin with a bundle are judged on rows that it was trained on or chosen by; else empty."""
    test = np.unique(np.concatenate([split.rows(TEST) for split in splits]))
    known = seen_rows(bundle, np.asarray(dataset.codes[test]))
    if known is None:
        return (
            "The bundle that the networks began with does not say what it was trained on: test rows may be among that."
        )
    if not known:
        return ""
    return (
        f"{share(known, len(test))} of the test part were among the rows that the networks' first weights were trained on or chosen by: "
        "the scores on them say nothing of new sequences."
    )


def _hashes(codes: Codes) -> NDArray[np.uint64]:
    return hash_rows(codes).canonical
