"""Splits whose test part rotates: k folds and leave-one-group-out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from strandloom.data.split.core import TEST, TRAIN, VALIDATION, Rows, Split, need_text, strata, text_groups
from strandloom.data.split.sampled import component_notes, find_homologs, validation_from_train
from strandloom.data.split.settings import FoldsSplit, LeaveOneGroupOutSplit
from strandloom.data.split.share import share_groups, share_rows
from strandloom.errors import InputError


def folds(dataset: Rows, settings: FoldsSplit) -> list[Split]:
    """One split per fold, in fold order; the test parts together are all rows, each once."""
    if settings.column is not None:
        return _given_folds(dataset, settings, settings.column)
    rows = len(dataset.codes)
    k = settings.k
    _need(rows, k, "rows")
    shares = [1 / k] * k
    layers = strata(dataset.target if settings.stratified else None, rows)
    notes: tuple[str, ...] = ()
    keys = None
    units: NDArray[np.int64] | None = None
    if settings.by == "rows":
        fold = share_rows(layers, shares, seed=settings.seed)
        how = f"{k} folds of rows at random (seed {settings.seed})"
    else:
        if settings.by == "homology":
            found = find_homologs(dataset)
            units, keys = found.component, found.keys
            how = f"{k} folds of whole near-duplicate components ({found.rule}; seed {settings.seed})"
        else:
            units, names = text_groups(need_text(dataset, settings.by, where="split.by"))
            how = f"{k} folds of whole groups of '{settings.by}' ({len(names)} groups; seed {settings.seed})"
        _need(int(units.max()) + 1, k, "near-duplicate components" if keys is not None else "groups")
        fold = share_groups(units, layers, shares, seed=settings.seed, keys=keys)
        if settings.by == "homology":
            notes = component_notes(units, fold)[:1]
            sizes, smallest = np.bincount(units), int(np.bincount(fold).min())
            if sizes.max() > smallest:
                notes += (
                    f"The largest component ({sizes.max()} rows) is larger than the smallest fold ({smallest} rows).",
                )
    notes += _rare_classes(dataset, k)
    how += ", classes balanced" if settings.stratified and dataset.target is not None else ""
    out = []
    for number in range(k):
        part = np.full(rows, TRAIN, np.uint8)
        part[fold == number] = TEST
        rest = np.flatnonzero(part == TRAIN)
        side = _validation(units, keys, layers, rest, settings.validation, settings.seed + number)
        part[rest[side == 1]] = VALIDATION
        out.append(
            Split(part, f"{how}; fold {number + 1} is the test part.", notes, units, f"fold {number + 1} of {k}")
        )
    return out


def leave_one_group_out(dataset: Rows, settings: LeaveOneGroupOutSplit) -> list[Split]:
    """One split per group, in sorted order of the names; validation is whole other groups."""
    groups, names = text_groups(need_text(dataset, settings.column))
    _need(len(names), 3, f"groups in column '{settings.column}'")
    layers = strata(dataset.target, len(groups))
    out = []
    for number, name in enumerate(names):
        part = np.full(len(groups), TRAIN, np.uint8)
        part[groups == number] = TEST
        rest = np.flatnonzero(part == TRAIN)
        side = _validation(groups, None, layers, rest, settings.validation, settings.seed + number)
        part[rest[side == 1]] = VALIDATION
        held = ", ".join(names[i] for i in np.unique(groups[part == VALIDATION])[:5])
        how = f"Each group of '{settings.column}' is the test part once; here '{name}', with {held} for validation."
        out.append(Split(part, how, (), groups, f"{settings.column} = {name}"))
    return out


def _given_folds(dataset: Rows, settings: FoldsSplit, column: str) -> list[Split]:
    text = need_text(dataset, column)
    numbers, names = text_groups(text)
    _need(len(names), 2, f"folds in column '{column}'")
    in_order = sorted(
        range(len(names)), key=lambda i: (not names[i].isdigit(), names[i].isdigit() and int(names[i]), names[i])
    )
    notes = _rare_classes(dataset, len(names))
    if len(names) != settings.k:
        notes = (f"Column '{column}' names {len(names)} folds; split.k = {settings.k} is not used.", *notes)
    out = []
    for number in in_order:
        part = np.full(len(numbers), TRAIN, np.uint8)
        part[numbers == number] = TEST
        part = validation_from_train(dataset, part, fraction=settings.validation, seed=settings.seed + number)
        how = (
            f"Folds as given in column '{column}'; fold '{names[number]}' is the test part; validation: "
            f"{settings.validation:.0%} of the others, near duplicates kept together (seed {settings.seed + number})."
        )
        out.append(Split(part, how, notes, None, f"fold {names[number]}"))
    return out


def _validation(
    units: NDArray[np.int64] | None,
    keys: NDArray[np.uint64] | None,
    layers: NDArray[np.int64],
    rest: NDArray[np.int64],
    fraction: float,
    seed: int,
) -> NDArray[np.int64]:
    """0 train or 1 validation for each of the rows ``rest`` ``(n,)``, whole units at a time."""
    shares = (1 - fraction, fraction)
    if units is None:
        return share_rows(layers[rest], shares, seed=seed)
    present, dense = np.unique(units[rest], return_inverse=True)
    chosen = None if keys is None else keys[present]
    return share_groups(dense.reshape(-1).astype(np.int64), layers[rest], shares, seed=seed, keys=chosen)


def _rare_classes(dataset: Rows, k: int) -> tuple[str, ...]:
    if dataset.target is None or dataset.target.kind != "classes":
        return ()
    few = [f"'{name}' ({count})" for name, count in dataset.target.counts().items() if 0 < count < k]
    return (f"Classes with fewer rows than folds: {', '.join(few[:10])}; some folds don't test them.",) if few else ()


def _need(have: int, want: int, what: str) -> None:
    if have < want:
        raise InputError(
            f"{have} {what} cannot make {want} parts", where="split", hint=f"use at most {have} folds, or another split"
        )
