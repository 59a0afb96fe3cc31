"""Splits drawn by seed: random, stratified, by homology, by group."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from strandloom.data.split.core import (
    TEST,
    TRAIN,
    VALIDATION,
    Rows,
    Split,
    need_text,
    percent,
    strata,
    text_groups,
)
from strandloom.data.split.homology import components, resolve
from strandloom.data.split.index import hash_rows
from strandloom.data.split.settings import GroupSplit, HomologySplit, RandomSplit, StratifiedSplit
from strandloom.data.split.share import share_groups, share_rows
from strandloom.errors import InputError


class Homologs(NamedTuple):
    """Near-duplicate components of a data set.

    Parameters
    ----------
    component
        int64 ``(N,)``.
    keys
        uint64 ``(G,)``: a number per component that doesn't depend on the order of rows.
    rule
        What joined two rows, in words.
    """

    component: NDArray[np.int64]
    keys: NDArray[np.uint64]
    rule: str


def find_homologs(dataset: Rows, *, k: int | None = None, threshold: float | None = None) -> Homologs:
    """Components of the rows with row-order-free keys."""
    k, threshold = resolve(dataset.lengths, k=k, threshold=threshold)
    component = components(dataset.codes, dataset.lengths, k=k, threshold=threshold)
    keys = _component_keys(component, dataset.codes)
    rule = (
        f"sequences that share at least {threshold:.0%} of their {k}-mers on either strand, directly or through others"
    )
    return Homologs(component, keys, rule)


def random(dataset: Rows, settings: RandomSplit) -> list[Split]:
    """Rows at random."""
    part = share_rows(np.zeros(len(dataset.codes), np.int64), _fractions(settings), seed=settings.seed)
    return [Split(part.astype(np.uint8), f"{_shares(settings)} drawn at random (seed {settings.seed}).")]


def stratified(dataset: Rows, settings: StratifiedSplit) -> list[Split]:
    """Rows at random, every class (or tenth of the values) in the asked fractions."""
    rows = len(dataset.codes)
    part = share_rows(strata(dataset.target, rows), _fractions(settings), seed=settings.seed)
    what = "values" if dataset.target is not None and dataset.target.kind == "value" else "classes"
    notes = () if dataset.target is not None else ("There is no target to stratify by: rows were drawn at random.",)
    return [
        Split(
            part.astype(np.uint8),
            f"{_shares(settings)} drawn at random (seed {settings.seed}), {what} in the same shares in every part.",
            notes,
        )
    ]


def group(dataset: Rows, settings: GroupSplit) -> list[Split]:
    """Whole groups of a column to one side."""
    groups, names = text_groups(need_text(dataset, settings.column))
    if len(names) < 3:
        raise InputError(
            f"column '{settings.column}' has {len(names)} different values; three parts need three or more",
            where="split.column",
            hint="use another column, or a stratified or homology split",
        )
    part = share_groups(groups, strata(dataset.target, len(groups)), _fractions(settings), seed=settings.seed)
    how = f"Whole groups of '{settings.column}' ({len(names)}), towards {_shares(settings)} (seed {settings.seed})."
    return [Split(part.astype(np.uint8), how, _uneven(part, settings), groups)]


def homology(dataset: Rows, settings: HomologySplit) -> list[Split]:
    """Whole near-duplicate components to one side."""
    found = find_homologs(dataset, k=settings.k, threshold=settings.threshold)
    rows = len(found.component)
    part = share_groups(
        found.component, strata(dataset.target, rows), _fractions(settings), seed=settings.seed, keys=found.keys
    )
    how = (
        f"Near-duplicate sequences kept on one side ({found.rule}); whole components, balanced by class, towards "
        f"{_shares(settings)} (seed {settings.seed})."
    )
    return [
        Split(
            part.astype(np.uint8),
            how,
            (*component_notes(found.component, part), *_uneven(part, settings)),
            found.component,
        )
    ]


def validation_from_train(dataset: Rows, part: NDArray[np.uint8], *, fraction: float, seed: int) -> NDArray[np.uint8]:
    """Move a share of the training rows to validation, whole near-duplicate components of the training rows at a time.

    Parameters
    ----------
    part
        uint8 ``(N,)``; left as it is.
    fraction, seed
        The share of the training rows, and the seed of the draw.

    Returns
    -------
    part
        uint8 ``(N,)``, a copy.
    """
    train = np.flatnonzero(part == TRAIN)
    codes, lengths = np.asarray(dataset.codes[train]), dataset.lengths[train]
    component = components(codes, lengths)
    keys = _component_keys(component, codes)
    side = share_groups(
        component, strata(dataset.target, len(part))[train], (1 - fraction, fraction), seed=seed, keys=keys
    )
    out = part.copy()
    out[train[side == 1]] = VALIDATION
    return out


def _component_keys(component: NDArray[np.int64], codes: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Smallest hash of the rows of each component, uint64 ``(G,)``: it does not depend on the order of rows."""
    keys = np.full(int(component.max(initial=-1)) + 1, np.iinfo(np.uint64).max, np.uint64)
    np.minimum.at(keys, component, hash_rows(codes).canonical)
    return keys


def component_notes(component: NDArray[np.int64], part: NDArray[np.integer]) -> tuple[str, ...]:
    """How much was joined, and a warning when the largest component is larger than the smallest part."""
    sizes = np.bincount(component)
    rows = len(component)
    joined = int(sizes[sizes > 1].sum())
    notes = [
        f"{joined} of {rows} rows ({percent(joined, rows)}) have a near duplicate; {len(sizes)} components, "
        f"the largest of {sizes.max()} rows."
    ]
    smallest = int(np.bincount(part, minlength=3)[:3].min())
    if sizes.max() > smallest:
        notes.append(
            f"The largest component ({sizes.max()} rows, {percent(int(sizes.max()), rows)}) is larger than the "
            f"smallest part ({smallest} rows): the parts may differ in kind. A repeat family or a common region may "
            "chain rows; a higher threshold joins fewer."
        )
    return tuple(notes)


def _fractions(settings: RandomSplit | StratifiedSplit | GroupSplit | HomologySplit) -> tuple[float, float, float]:
    return 1 - settings.validation - settings.test, settings.validation, settings.test


def _shares(settings: RandomSplit | StratifiedSplit | GroupSplit | HomologySplit) -> str:
    return f"{settings.validation:.0%} of rows for validation and {settings.test:.0%} for the test"


def _uneven(part: NDArray[np.int64], settings: GroupSplit | HomologySplit) -> tuple[str, ...]:
    """A note where whole groups forced sizes more than a quarter away from what was asked."""
    notes = []
    for number, name, asked in ((VALIDATION, "validation", settings.validation), (TEST, "test", settings.test)):
        got = float((part == number).mean()) if len(part) else 0.0
        if abs(got - asked) > 0.25 * asked:
            notes.append(f"The {name} part holds {got:.1%} of rows instead of {asked:.1%}: groups are kept whole.")
    return tuple(notes)
