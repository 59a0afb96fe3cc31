"""Which rows of a table a model has seen: hashes of its training and validation sequences travel in the bundle."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from strandloom.alphabet import Codes
from strandloom.bundle import Bundle, Part
from strandloom.data.dataset import Dataset
from strandloom.data.split.core import TRAIN, VALIDATION, Split
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


def _hashes(codes: Codes) -> NDArray[np.uint64]:
    return hash_rows(codes).canonical
