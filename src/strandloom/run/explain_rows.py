"""The sequences that an explanation is of: drawn from a file block by block, placed in the model's window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from strandloom.alphabet import Codes
from strandloom.bundle import Manifest
from strandloom.data.coordinates import located
from strandloom.data.dataset import Dataset
from strandloom.data.genomic import place_frames, window_blocks
from strandloom.data.targets import class_texts, labels_target
from strandloom.errors import InputError
from strandloom.io.genome import open_genome
from strandloom.io.read import column_names, read_blocks
from strandloom.io.records import Records
from strandloom.predict import Predictor
from strandloom.words import plural


@dataclass(frozen=True, eq=False)
class Rows:
    """N sequences in a model's window.

    Parameters
    ----------
    codes, lengths
        uint8 ``(N, L)``, and the bases of each row int32 ``(N,)``.
    ids
        Names.
    truth
        int64 ``(N,)``: index of the true class, -1 where not known; of labels and values float ``(N, K)``, NaN where not known;
        None without any.
    where
        ``chrom, start, end, strand`` of each whole sequence, where known.
    cropped
        int64 ``(N,)``: bases of each sequence that were cropped from its start.
    columns
        int64 ``(N,)``: column of the first base.
    data
        What they are, in words.
    notes
        What a reader must know of them, in plain sentences.
    """

    codes: Codes
    lengths: NDArray[np.int32]
    ids: tuple[str, ...]
    truth: NDArray[np.int64] | NDArray[np.float64] | None
    where: pl.DataFrame | None
    cropped: NDArray[np.int64]
    columns: NDArray[np.int64]
    data: str
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.codes)

    def take(self, rows: NDArray[np.integer]) -> Rows:
        """Some rows, in the order given."""
        return replace(
            self,
            codes=self.codes[rows],
            lengths=self.lengths[rows],
            ids=tuple(self.ids[i] for i in rows),
            truth=None if self.truth is None else self.truth[rows],
            where=None if self.where is None else self.where[rows],
            cropped=self.cropped[rows],
            columns=self.columns[rows],
        )


def read_rows(
    predictor: Predictor,
    source: str | Path,
    *,
    most: int,
    seed: int,
    sequence: str | None = None,
    target: str | None = None,
    ids: Sequence[str] = (),
    genome: str | Path | None = None,
) -> Rows:
    """Draw rows of a file of any size; memory holds those that are kept.

    Parameters
    ----------
    source
        Any supported file.
    most
        Rows kept, drawn evenly by the seed.
    sequence, target
        Columns, where they are not named as in training.
    ids
        Rows that are kept in any case.
    genome
        FASTA on which the file names places.

    Raises
    ------
    InputError
        A row cannot be read, there is none, an id is not there, or a sequence holds no base that is known.
    """
    manifest = predictor.manifest
    names = column_names(source) if genome is None else next(place_frames(source, whole=False)).frame.columns
    if target is not None and target not in names:
        raise InputError(f"no column '{target}'", where=source, hint="columns: " + (", ".join(names) or "none"))
    column = sequence or (manifest.sequence if manifest.sequence in names else None)
    labels = _target_columns(manifest, target, names)
    kept, total = _drawn(source, column, predictor, most=most, seed=seed, ids=ids, genome=genome)
    for name in ids:
        if not (kept.ids == name).any():
            raise InputError(f"no sequence is called '{name}'", where=source, hint="`predict` writes the ids of a file")
    unknown = np.flatnonzero(~_has_base(kept))
    if len(unknown):
        raise InputError(
            "the sequence holds no A, C, G or T, so there is nothing to explain",
            where=f"{source}: record '{kept.ids[int(unknown[0])]}'",
            hint="leave it out",
        )
    codes, lengths = predictor.window.place(kept)
    notes = _length_notes(kept.lengths, manifest.length, manifest.anchor)
    truth = _truth(kept.columns, labels, manifest, asked=target, source=source, notes=notes) if labels else None
    where = located(kept.ids, kept.columns, kept.lengths)
    if where.note:
        notes.append(f"Coordinates: {where.note}")
    return Rows(
        codes,
        lengths,
        tuple(kept.ids.to_list()),
        truth,
        where.frame,
        np.maximum(-predictor.window.shift(kept.lengths), 0),
        predictor.window.left_edge(kept.lengths),
        f"{total:,} sequences of {Path(source).name}",
        tuple(notes),
    )


def _target_columns(manifest: Manifest, target: str | None, names: Sequence[str]) -> tuple[str, ...]:
    """Columns of the file that hold what is true; none where it is not known."""
    if target is not None:
        return (target,)
    there = {*names, *(name for name in manifest.target if name.rpartition("_")[0] in names)}  # columns of an array
    return manifest.target if manifest.target and there.issuperset(manifest.target) else ()


def _truth(
    columns: pl.DataFrame,
    targets: tuple[str, ...],
    manifest: Manifest,
    *,
    asked: str | None,
    source: str | Path,
    notes: list[str],
) -> NDArray[np.int64] | NDArray[np.float64] | None:
    """What is true of each row, as :class:`Rows` holds it; what a cell says that is none of the model's outputs is a note."""
    if any(name not in columns.columns for name in targets):
        return None
    if manifest.task == "labels":
        return labels_target(columns, targets, path=source, names=manifest.labels).values.astype(np.float64)
    if manifest.task == "value":
        found = [columns[name].cast(pl.Float64, strict=False).fill_null(float("nan")).to_numpy() for name in targets]
        return np.column_stack(found) if len(found) == len(manifest.labels) else None
    order = {name: k for k, name in enumerate(manifest.labels)}
    truth = np.array([order.get(x, -1) for x in class_texts(columns[targets[0]]).to_list()], np.int64)
    unknown = int((truth < 0).sum())
    if unknown == len(truth) and asked is not None:
        raise InputError(
            f"no cell of the column '{asked}' is one of the model's classes",
            where=source,
            hint="the classes: " + ", ".join(manifest.labels[:30]),
        )
    if unknown:
        notes.append(f"{unknown:,} of {len(truth):,} labels are none of the model's classes and count as unknown")
    return truth


def _length_notes(lengths: NDArray[np.integer], window: int, anchor: str) -> list[str]:
    """What the window does to sequences ``(N,)`` of other lengths."""
    longer, shorter = int((lengths > window).sum()), int((lengths < window).sum())
    kept = {"left": "the first", "right": "the last", "centre": "the middle"}[anchor]
    notes = []
    if longer:
        notes.append(
            f"{plural(longer, 'sequence')} longer than the {window:,} bases that the model reads: only {kept} {window:,} are explained"
        )
    if shorter:
        notes.append(
            f"{plural(shorter, 'sequence')} shorter than the {window:,} bases that the model reads, down to {int(lengths.min()):,}: "
            "the rest is padding"
        )
    return notes


def rows_of_dataset(predictor: Predictor, dataset: Dataset, rows: NDArray[np.int64], *, words: str) -> Rows:
    """Rows of a data set that is in memory, its own window being the model's."""
    part = dataset.take(rows)
    assert part.target is not None
    whole = part.lengths if part.whole is None else part.whole
    where = located(part.ids, part.columns, whole)
    notes = _length_notes(whole, dataset.length, dataset.window.anchor) + (
        [f"Coordinates: {where.note}"] if where.note else []
    )
    return Rows(
        np.asarray(part.codes),
        part.lengths,
        tuple(part.ids.to_list()),
        part.target.values.astype(np.int64) if part.target.kind == "classes" else part.target.values.astype(np.float64),
        where.frame,
        np.maximum(-predictor.window.shift(whole), 0),
        predictor.window.left_edge(whole),
        words,
        tuple(notes),
    )


def _drawn(
    source: str | Path,
    column: str | None,
    predictor: Predictor,
    *,
    most: int,
    seed: int,
    ids: Sequence[str],
    genome: str | Path | None,
) -> tuple[Records, int]:
    """At most so many records (those asked for by id besides), evenly drawn, in the order of the file; and how many there were."""
    rng = np.random.default_rng(seed)
    parts: list[Records] = []
    keys = np.empty(0)
    total = 0
    blocks = (
        read_blocks(source, sequence=column, policy=predictor.manifest.letters)
        if genome is None
        else window_blocks(source, open_genome(genome), length=predictor.manifest.length, windows=True)
    )
    for block in blocks:
        drawn = rng.random(len(block))
        drawn[block.ids.is_in(list(ids)).to_numpy()] = -1.0
        parts, keys = [*parts, block], np.concatenate([keys, drawn])
        total += len(block)
        if len(keys) > 2 * most:
            parts, keys = _lowest(parts, keys, most)
    parts, keys = _lowest(parts, keys, most)
    if not len(keys):
        raise InputError("no sequence to explain", where=source)
    return parts[0], total


def _lowest(parts: list[Records], keys: NDArray[np.float64], most: int) -> tuple[list[Records], NDArray[np.float64]]:
    joined = Records.concat(parts)
    if len(keys) <= most:
        return [joined], keys
    limit = np.partition(keys, most - 1)[most - 1]
    chosen = np.flatnonzero(keys <= limit)
    return [joined.take(chosen)], keys[chosen]


def _has_base(records: Records) -> NDArray[np.bool_]:
    """Whether each record holds a base that is known, ``(N,)``."""
    counts = np.concatenate([[0], np.cumsum(records.codes < 4)])
    return np.asarray(counts[records.offsets[1:]] > counts[records.offsets[:-1]])
