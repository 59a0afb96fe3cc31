"""What a test part has in common with the training part: exact, reverse-complement and near duplicates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from strandloom.alphabet import Codes
from strandloom.data.split.core import PART_NAMES, TEST, TRAIN, VALIDATION, Rows, Split
from strandloom.data.split.homology import resolve
from strandloom.data.split.index import (
    KmerIndex,
    KmerSets,
    Nearest,
    StrandHashes,
    build_index,
    build_sets,
    choose_k,
    find_hubs,
    hash_rows,
)

_EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class Example:
    """One leaked row.

    Parameters
    ----------
    kind
        ``exact``, ``reverse complement`` or ``near``.
    id, other_id
        The row of the later part and the row of the earlier part it resembles.
    similarity
        k-mer similarity, 0 to 1.
    same_label
        Whether both have the same target; None without a target.
    """

    kind: str
    id: str
    other_id: str
    similarity: float
    same_label: bool | None


@dataclass(frozen=True, slots=True)
class PairLeakage:
    """Rows of one part that have a relative in an earlier one; each row counts once, under the closest relation.

    Parameters
    ----------
    part, other
        The later part (``test``) and the earlier one (``train``).
    rows, other_rows
        Their sizes.
    exact, reverse_complement, near
        Rows of ``part`` with an equal row in ``other``; else with an equal row on the other strand; else with a near
        duplicate.
    exact_fraction, reverse_complement_fraction, near_fraction, fraction
        The same over ``rows``, and all three together.
    shared_sequences
        Distinct sequences, as read, that are in both parts.
    different_label
        Rows of ``part`` with an exact or reverse-complement relative in ``other`` of another class, label set or value.
    examples
        Up to five, exact ones first.
    """

    part: str
    other: str
    rows: int
    other_rows: int
    exact: int
    reverse_complement: int
    near: int
    exact_fraction: float
    reverse_complement_fraction: float
    near_fraction: float
    fraction: float
    shared_sequences: int
    different_label: int
    examples: tuple[Example, ...]


@dataclass(frozen=True, slots=True)
class LeakageReport:
    """Leakage between the parts of a split.

    Parameters
    ----------
    pairs
        Test and train, validation and train, test and validation (those that have rows).
    k, threshold
        The measure: near duplicates share at least ``threshold`` of their k-mers (``strandloom.data.split.index``).
    conflicting_sequences, conflicting_rows
        Sequences (either strand) that occur with different labels anywhere in the three parts, and their rows.
    verdict
        What it means, in plain words.
    """

    pairs: tuple[PairLeakage, ...]
    k: int
    threshold: float
    conflicting_sequences: int
    conflicting_rows: int
    verdict: str


def leakage(dataset: Rows, split: Split, *, k: int | None = None, threshold: float | None = None) -> LeakageReport:
    """Look for relatives across the parts of a split, on both strands.

    Parameters
    ----------
    dataset
        N rows.
    split
        Of the same rows.
    k, threshold
        As in ``components``; None: the same defaults.
    """
    k, threshold = resolve(dataset.lengths, k=k, threshold=threshold)
    hashes = hash_rows(dataset.codes)
    labels = None if dataset.target is None else dataset.target.answers()
    sets = build_sets(dataset.codes, k=k)
    hub = find_hubs(sets.take(np.unique(hashes.canonical, return_index=True)[1]))
    pairs = []
    for other, parts in ((TRAIN, (TEST, VALIDATION)), (VALIDATION, (TEST,))):
        others = split.rows(other)
        index = build_index(sets.take(others), hub)
        for part in parts:
            rows = split.rows(part)
            if len(rows) and len(others):
                found = _nearest(index, sets.take(rows), _take(hashes, rows), _take(hashes, others))
                pairs.append(_pair(dataset, (part, other), (rows, others), hashes, labels, found, threshold))
    sequences, mixed_rows = _conflicts(hashes, labels, np.flatnonzero(split.part <= TEST))
    return LeakageReport(tuple(pairs), k, threshold, sequences, mixed_rows, _verdict(pairs, sequences))


def leakage_of_all(dataset: Rows, splits: Sequence[Split]) -> LeakageReport:
    """The leakage of one split, or of all folds together: their rows and relatives added up.

    ``other_rows`` stays that of the first fold.
    """
    reports = [leakage(dataset, split) for split in splits]
    first = reports[0]
    if len(reports) == 1:
        return first
    pairs = []
    for pair in first.pairs:
        same = [p for report in reports for p in report.pairs if (p.part, p.other) == (pair.part, pair.other)]
        rows = sum(p.rows for p in same)
        exact, reverse, near = (sum(getattr(p, kind) for p in same) for kind in ("exact", "reverse_complement", "near"))
        pairs.append(
            replace(
                pair,
                rows=rows,
                exact=exact,
                reverse_complement=reverse,
                near=near,
                exact_fraction=exact / rows,
                reverse_complement_fraction=reverse / rows,
                near_fraction=near / rows,
                fraction=(exact + reverse + near) / rows,
                shared_sequences=sum(p.shared_sequences for p in same),
                different_label=sum(p.different_label for p in same),
                examples=tuple(example for p in same for example in p.examples)[:_EXAMPLES],
            )
        )
    return replace(first, pairs=tuple(pairs), verdict=_verdict(pairs, first.conflicting_sequences))


def nearest(codes_query: Codes, codes_train: Codes, *, k: int | None = None) -> NDArray[np.float32]:
    """Similarity of each query row to the most similar training row, on either strand.

    Parameters
    ----------
    codes_query, codes_train
        uint8 ``(Nq, L)`` and ``(Nt, L')``, padded on any side.
    k
        k-mer length, 6 to 12; None: chosen from the training rows.

    Returns
    -------
    similarity
        float32 ``(Nq,)`` in [0, 1] (definition: ``strandloom.data.split.index``); 1 for an equal row or its reverse
        complement.
    """
    return nearest_rows(codes_query, codes_train, k=k).similarity


def nearest_rows(codes_query: Codes, codes_train: Codes, *, k: int | None = None) -> Nearest:
    """``nearest``, with the number of the training row (-1 where nothing is shared)."""
    if k is None:
        k = choose_k((codes_train <= 3).sum(axis=1))
    sets = build_sets(codes_train, k=k)
    hashes = hash_rows(codes_train)
    hub = find_hubs(sets.take(np.unique(hashes.canonical, return_index=True)[1]))
    return _nearest(build_index(sets, hub), build_sets(codes_query, k=k), hash_rows(codes_query), hashes)


def _nearest(index: KmerIndex, query: KmerSets, query_hash: StrandHashes, train_hash: StrandHashes) -> Nearest:
    """The index's answer, with 1 for equal rows and reverse complements."""
    found = index.nearest(query)
    for mine in (query_hash.backward, query_hash.forward):
        first = _lookup(mine, train_hash.forward)
        found.similarity[first >= 0] = 1
        found.row[first >= 0] = first[first >= 0]
    return found


def _take(hashes: StrandHashes, rows: NDArray[np.int64]) -> StrandHashes:
    return StrandHashes(hashes.forward[rows], hashes.backward[rows])


def _pair(
    dataset: Rows,
    parts: tuple[int, int],
    members: tuple[NDArray[np.int64], NDArray[np.int64]],
    hashes: StrandHashes,
    labels: NDArray[np.int64] | None,
    found: Nearest,
    threshold: float,
) -> PairLeakage:
    """Count the relatives of one part's rows in another; ``found`` holds the nearest of them."""
    rows, others = members
    mine, theirs = _take(hashes, rows), _take(hashes, others)
    exact = _lookup(mine.forward, theirs.forward) >= 0
    reverse = ~exact & (_lookup(mine.backward, theirs.forward) >= 0)
    near = ~exact & ~reverse & (found.similarity >= np.float32(threshold - 1e-6))
    examples: list[Example] = []
    for kind, which in (("exact", exact), ("reverse complement", reverse), ("near", near)):
        where = np.flatnonzero(which)
        where = where[np.argsort(-found.similarity[where], kind="stable")]
        for i in where[: _EXAMPLES - len(examples)]:
            a, b = rows[i], others[found.row[i]]
            same = None if labels is None else bool(labels[a] == labels[b])
            examples.append(
                Example(
                    kind, str(dataset.ids[int(a)]), str(dataset.ids[int(b)]), round(float(found.similarity[i]), 4), same
                )
            )
    n = len(rows)
    counts = [int(x.sum()) for x in (exact, reverse, near)]
    return PairLeakage(
        part=PART_NAMES[parts[0]],
        other=PART_NAMES[parts[1]],
        rows=n,
        other_rows=len(others),
        exact=counts[0],
        reverse_complement=counts[1],
        near=counts[2],
        exact_fraction=counts[0] / n,
        reverse_complement_fraction=counts[1] / n,
        near_fraction=counts[2] / n,
        fraction=sum(counts) / n,
        shared_sequences=len(np.intersect1d(mine.forward, theirs.forward)),
        different_label=_different(mine.canonical, theirs.canonical, labels, rows, others),
        examples=tuple(examples),
    )


def _lookup(wanted: NDArray[np.uint64], have: NDArray[np.uint64]) -> NDArray[np.int64]:
    """First row of ``have`` that equals each of ``wanted``, int64 ``(n,)``; -1 for none."""
    if len(have) == 0:
        return np.full(len(wanted), -1, np.int64)
    values, first = np.unique(have, return_index=True)
    at = np.minimum(np.searchsorted(values, wanted), len(values) - 1)
    return np.where(values[at] == wanted, first[at], -1)


def _different(
    mine: NDArray[np.uint64],
    theirs: NDArray[np.uint64],
    labels: NDArray[np.int64] | None,
    rows: NDArray[np.int64],
    others: NDArray[np.int64],
) -> int:
    """Rows whose sequence is in the other part with at least one other label."""
    if labels is None:
        return 0
    order = np.lexsort((labels[others], theirs))
    sequence, label = theirs[order], labels[others][order]
    left = np.searchsorted(sequence, mine, side="left")
    right = np.searchsorted(sequence, mine, side="right")
    there = np.flatnonzero(right > left)
    own = labels[rows][there]
    return int(((label[left[there]] != own) | (label[right[there] - 1] != own)).sum())


def _conflicts(hashes: StrandHashes, labels: NDArray[np.int64] | None, rows: NDArray[np.int64]) -> tuple[int, int]:
    """Sequences with more than one label among ``rows``, and how many rows they have."""
    if labels is None or len(rows) == 0:
        return 0, 0
    _, sequence = np.unique(hashes.canonical[rows], return_inverse=True)
    sequence = sequence.reshape(-1)
    low = np.full(int(sequence.max()) + 1, np.iinfo(np.int64).max)
    high = np.full(len(low), -1, np.int64)
    np.minimum.at(low, sequence, labels[rows])
    np.maximum.at(high, sequence, labels[rows])
    mixed = low != high
    return int(mixed.sum()), int(mixed[sequence].sum())


def _verdict(pairs: list[PairLeakage], conflicts: int) -> str:
    """One or two sentences on the test part against the training part."""
    main = next((x for x in pairs if (x.part, x.other) == ("test", "train")), None)
    if main is None:
        return "There is no test part to compare with a training part."
    leaked = main.exact + main.reverse_complement + main.near
    found = (
        f"{leaked} of {main.rows} test rows ({main.fraction:.1%}) have a relative in the training part: "
        f"{main.exact} exact, {main.reverse_complement} reverse-complement and {main.near} near duplicates."
    )
    if leaked == 0:
        text = (
            f"No leakage found: none of the {main.rows} test rows has an exact, reverse-complement or near duplicate "
            "in the training part."
        )
    elif main.fraction < 0.01:
        text = f"Little leakage: {found} The score can hardly depend on it."
    elif main.fraction < 0.05:
        text = f"Some leakage: {found} Read the score of the rows without relatives beside the overall score."
    else:
        text = f"Strong leakage: {found} The test score partly measures memory; use a homology split for an honest one."
    if conflicts:
        occur = "sequence occurs" if conflicts == 1 else "sequences occur"
        text += f" {conflicts} {occur} with different labels, which no model can get right."
    return text
