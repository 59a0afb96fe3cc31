"""Whole inserts in records without primer sites: placed by alignment with the inserts that primers have cut."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from strandloom.alphabet import Codes
from strandloom.workflows.taxonomy.ragged import Offsets
from strandloom.workflows.taxonomy.search import MASKS, Index


@dataclass(frozen=True, eq=False)
class Placed:
    """Where an insert lies in each of N sequences."""

    template: NDArray[np.int64]
    """int64 ``(N,)``: the insert that was laid on the sequence, -1 where none looks like a part of it."""
    start: NDArray[np.int64]
    """int64 ``(N,)``: first base of the insert."""
    end: NDArray[np.int64]
    """int64 ``(N,)``: one past its last base."""
    identity: NDArray[np.float64]
    """float64 ``(N,)``: 1 - differences per base of the insert, over the bases that are not missing."""
    missing: NDArray[np.int64]
    """int64 ``(N, 2)``: bases of the insert that hang over the start and the end of the sequence."""


def place(codes: Codes, offsets: Offsets, templates: Index, *, least_shared: int) -> Placed:
    """Lay the insert that shares most k-mers with a sequence on it: all of the insert on a part of the sequence.

    Parameters
    ----------
    codes, offsets
        N sequences one after the other, uint8 ``(total,)`` and int64 ``(N + 1,)``, in the orientation of the templates.
    templates
        Whole inserts.
    least_shared
        k-mers that a sequence must have in common with an insert to be looked at.
    """
    from strandloom.workflows.taxonomy.whole_kernels import place as compiled

    number = len(offsets) - 1
    template, found = np.full(number, -1, np.int64), np.zeros((number, 5), np.int64)
    compiled(
        codes, MASKS[codes], offsets, templates.masks, templates.offsets, templates.posting_offsets, templates.postings,
        templates.k, least_shared, template, found,
    )  # fmt: skip
    absent = found[:, 3:5].sum(axis=1)
    covered = np.maximum(np.diff(templates.offsets)[template] - absent, 1)
    identity = np.where(template >= 0, 1 - (found[:, 2] - absent) / covered, 0.0)
    return Placed(template, found[:, 0], found[:, 1], identity, found[:, 3:5])
