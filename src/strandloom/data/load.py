"""From files to a `Dataset`: read, select rows, place in the window, read the target and the weights."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from strandloom.data.dataset import Dataset
from strandloom.data.genomic import window_blocks
from strandloom.data.recognise import recognise_target
from strandloom.data.selection import RowSelection, selection
from strandloom.data.settings import DataSettings
from strandloom.data.store import Stored, build_store, open_store
from strandloom.data.targets import (
    Locate,
    Target,
    Task,
    classes_target,
    labels_target,
    missing_column,
    numbers,
    value_target,
)
from strandloom.data.window import Window, fit_window
from strandloom.errors import InputError, SettingsError
from strandloom.io.detect import detect
from strandloom.io.genome import Genome, open_genome
from strandloom.io.read import read_blocks
from strandloom.io.records import LetterCounts, Records
from strandloom.io.write import sha256

_MEGABYTE = 1 << 20
_LIMIT_SEED = 1


@dataclass(frozen=True, eq=False)
class _Rows:
    """Everything about the kept rows but their codes, plus the blocks while they fit in memory."""

    ids: pl.Series
    columns: pl.DataFrame
    lengths: NDArray[np.int64]  # (N,)
    position: NDArray[np.int64]  # (N,) 0-based row in its own file
    starts: NDArray[np.int64]  # (files,) first kept row of each file
    letters: LetterCounts
    blocks: list[Records] | None

    def take(self, rows: NDArray[np.int64]) -> _Rows:
        """Some rows ``(M,)``, in rising order."""
        return _Rows(
            ids=self.ids.gather(rows),
            columns=self.columns[rows] if self.columns.width else self.columns,
            lengths=self.lengths[rows],
            position=self.position[rows],
            starts=np.searchsorted(rows, self.starts),
            letters=self.letters,
            blocks=None if self.blocks is None else [Records.concat(self.blocks).take(rows)],
        )


def load(
    settings: DataSettings,
    *,
    task: Task,
    resolve: Callable[[str], Path] = Path,
    need_target: bool = True,
    names: Sequence[str] | None = None,
    window: Window | None = None,
    cache: Path | None = None,
) -> Dataset:
    """Load a data set.

    Parameters
    ----------
    settings
        The ``data:`` section.
    task
        How the target columns are read.
    resolve
        Turns a path as written in the settings into the path of a file.
    need_target
        False: read no target (`Dataset.target` is None).
    names
        The target names of a trained model, in its order; a class or label beyond them is an error.
    window
        The window of a trained model; None: fitted here.
    cache
        Folder of the memory-mapped store of a set above ``settings.memory`` megabytes; a store there that was made of
        the same files and settings is reopened without reading. None: such a set stays in memory.

    Raises
    ------
    InputError
        A file, a column or a row cannot be used; names file, row and record.
    """
    paths = [resolve(source.path) for source in settings.sources]
    whole = None if settings.genome is None else resolve(settings.genome)
    key = _key(settings, paths, window, whole) if cache is not None and cache.exists() else None
    stored = open_store(cache, key=key) if cache is not None and key is not None else None
    if stored is not None:
        return _dataset(
            settings, stored, paths, _by_id(paths, stored.ids), task=task, need_target=need_target, names=names
        )

    budget = settings.memory * _MEGABYTE
    choose = selection(settings.filter, settings.exclude)
    genome = None
    if whole is not None:
        genome = open_genome(whole, cache=None if cache is None else cache.with_name("genome"))
    rows = _scan(settings, paths, choose, budget if cache is not None else None, genome)
    chosen = None
    if settings.limit is not None and settings.limit < len(rows.ids):
        drawn = np.random.default_rng(_LIMIT_SEED).choice(len(rows.ids), settings.limit, replace=False, shuffle=False)
        chosen = np.sort(drawn)
        rows = rows.take(chosen)
    fitted = window or fit_window(rows.lengths, settings.window)
    if cache is not None and (rows.blocks is None or len(rows.ids) * fitted.length > budget):
        blocks = iter(rows.blocks) if rows.blocks is not None else _again(settings, paths, choose, chosen, genome)
        stored = build_store(
            cache,
            blocks,
            key=key or _key(settings, paths, window, whole),
            ids=rows.ids,
            columns=rows.columns,
            window=fitted,
            letters=rows.letters,
        )
    else:
        assert rows.blocks is not None
        placed = [fitted.place(block) for block in rows.blocks]
        stored = Stored(
            codes=placed[0].codes if len(placed) == 1 else np.concatenate([x.codes for x in placed]),
            lengths=np.concatenate([x.lengths for x in placed]),
            ids=rows.ids,
            columns=rows.columns,
            window=fitted,
            letters=rows.letters,
            whole=rows.lengths.astype(np.int32) if fitted.cropped(rows.lengths) else None,
        )
    return _dataset(settings, stored, paths, _by_place(paths, rows), task=task, need_target=need_target, names=names)


def _read(settings: DataSettings, number: int, path: Path, genome: Genome | None) -> Iterator[Records]:
    """The blocks of one file, its constant columns added.

    Rows without a name of their own are named by number; of several files, by file and number, so that names differ.
    """
    constants = settings.sources[number].set
    numbered = len(settings.sources) > 1 and detect(path).format not in ("fasta", "fastq")
    for block in _blocks(settings, path, genome):
        if constants:
            added = [pl.repeat(value, len(block), eager=True).alias(name) for name, value in constants.items()]
            columns = block.columns.with_columns(added) if block.columns.width else pl.DataFrame(added)
            block = replace(block, columns=columns)
        if numbered and block.id_name is None:
            block = replace(block, ids=(f"{_stem(path)}:" + block.ids).alias(block.ids.name))
        yield block


def _blocks(settings: DataSettings, path: Path, genome: Genome | None) -> Iterator[Records]:
    """Sequences of a file, or windows of a genome at the places of a table."""
    if genome is None:
        return read_blocks(
            path, sequence=settings.sequence, id_column=settings.id, policy=settings.letters, order=settings.order
        )
    assert settings.window.length is not None
    return window_blocks(path, genome, length=settings.window.length)


def _stem(path: Path) -> str:
    """The file's name without the suffixes that name its format."""
    name = path.name.removesuffix(".gz")
    return name.rsplit(".", 1)[0] or name


def _scan(
    settings: DataSettings, paths: list[Path], choose: RowSelection, budget: int | None, genome: Genome | None
) -> _Rows:
    """Read every file once; blocks are kept while they stay within ``budget`` bytes (None: always)."""
    blocks: list[Records] | None = []
    ids: list[pl.Series] = []
    columns: list[pl.DataFrame] = []
    lengths: list[NDArray[np.int64]] = []
    position: list[NDArray[np.int64]] = []
    starts: list[int] = []
    letters: LetterCounts | None = None
    seen = held = 0
    for number, path in enumerate(paths):
        starts.append(sum(map(len, position)))
        first = 0
        for block in _read(settings, number, path, genome):
            letters = block.letters if letters is None else letters + block.letters
            rows = choose.rows(block.columns, path)
            position.append(first + (np.arange(len(block)) if rows is None else rows))
            first += len(block)
            if rows is not None:
                block = block.take(rows)
            if len(block) == 0:
                continue
            ids.append(block.ids)
            columns.append(block.columns)
            lengths.append(np.asarray(block.lengths, np.int64))
            held += len(block.codes)
            if blocks is not None and (budget is None or held <= budget):
                blocks.append(Records(block.codes, block.offsets, block.ids, pl.DataFrame(), block.letters))
            else:
                blocks = None
        seen += first
    where = ", ".join(map(str, paths[:3])) + (" …" if len(paths) > 3 else "")
    if seen == 0 or letters is None:
        skipped = letters.skipped_rows if letters is not None else 0
        raise InputError(
            f"every one of the {skipped:,} rows was skipped" if skipped else "there is no sequence",
            where=where,
            hint=f"the first reason: {letters.skipped[0]}" if letters is not None and letters.skipped else None,
        )
    choose.check(where)
    if not ids:
        raise InputError(
            f"no row is left of {seen:,} after data.filter and data.exclude", where=where, hint="loosen them"
        )
    return _Rows(
        ids=pl.concat(ids),
        columns=_stack(columns, where),
        lengths=np.concatenate(lengths),
        position=np.concatenate(position),
        starts=np.array(starts, np.int64),
        letters=letters,
        blocks=blocks,
    )


def _again(
    settings: DataSettings,
    paths: list[Path],
    choose: RowSelection,
    chosen: NDArray[np.int64] | None,
    genome: Genome | None,
) -> Iterator[Records]:
    """Read the files a second time and yield the same kept rows."""
    first = 0
    for number, path in enumerate(paths):
        for block in _read(settings, number, path, genome):
            rows = choose.rows(block.columns, path)
            block = block if rows is None else block.take(rows)
            if chosen is not None:
                low, high = np.searchsorted(chosen, [first, first + len(block)])
                first += len(block)
                block = block.take(chosen[low:high] - (first - len(block)))
            yield block


def _stack(frames: list[pl.DataFrame], where: str) -> pl.DataFrame:
    """Concatenate; columns that only some files have are null elsewhere, and mixed types become text."""
    if len(frames) == 1:
        return frames[0]
    types: dict[str, set[pl.DataType]] = {}
    for frame in frames:
        for name, kind in frame.schema.items():
            types.setdefault(name, set()).add(kind)
    mixed = [name for name, kinds in types.items() if len(kinds) > 1 and not all(kind.is_numeric() for kind in kinds)]
    frames = [frame.with_columns(pl.col([x for x in mixed if x in frame.columns]).cast(pl.String)) for frame in frames]
    try:
        return pl.concat(frames, how="diagonal_relaxed")
    except pl.exceptions.PolarsError as error:
        raise InputError(f"the files' columns do not fit together: {error}", where=where) from error


def _dataset(
    settings: DataSettings,
    stored: Stored,
    paths: list[Path],
    at: Locate,
    *,
    task: Task,
    need_target: bool,
    names: Sequence[str] | None,
) -> Dataset:
    where = _files(paths)
    weights = None
    if settings.weight is not None:
        weights = _weights(stored.columns, settings.weight, where, at)
    target = _target(settings, stored.columns, where, at, task=task, names=names) if need_target else None
    return Dataset(
        codes=stored.codes,
        lengths=stored.lengths,
        ids=stored.ids,
        columns=stored.columns,
        target=target,
        weights=weights,
        window=stored.window,
        letters=stored.letters,
        source=tuple(map(str, paths)),
        whole=stored.whole,
        variance=_variance(settings, stored.columns, where, at),
    )


def _target(
    settings: DataSettings, columns: pl.DataFrame, where: str, at: Locate, *, task: Task, names: Sequence[str] | None
) -> Target:
    chosen = settings.targets
    if chosen is None:
        found = recognise_target(columns)
        if found is None:
            listing = (
                f"columns: {', '.join(columns.columns[:20])}"
                if columns.width
                else "the file has no column to learn from"
            )
            raise InputError(
                "no column is named like a target (label, class, target, y, …)",
                where=where,
                hint=f"name it with data.target; {listing}",
            )
        chosen = (found,)
    if task == "labels":
        return labels_target(columns, chosen, path=where, names=names, locate=at)
    if task == "value":
        return value_target(columns, chosen, path=where, locate=at, fixed=names is not None)
    if len(chosen) > 1:
        raise SettingsError(
            f"task classes learns one column, but data.target names {len(chosen)}",
            where="data.target",
            hint="set task: labels for several 0/1 columns, or task: value for several numbers",
        )
    if chosen[0] not in columns.columns:
        raise missing_column(chosen[0], columns.columns, path=where, setting="data.target")
    return classes_target(columns[chosen[0]], path=where, names=names, locate=at)


def _weights(columns: pl.DataFrame, name: str, where: str, at: Locate) -> NDArray[np.float32]:
    if name not in columns.columns:
        raise missing_column(name, columns.columns, path=where, setting="data.weight")
    weights = numbers(columns[name], at, what="weight")
    negative = np.flatnonzero(weights < 0)
    if len(negative):
        row = int(negative[0])
        raise InputError(f"column '{name}' is {weights[row]:g}; a weight must be 0 or more", where=at(row))
    if not weights.any():
        raise InputError(f"every weight in column '{name}' is 0", where=where, hint="choose another data.weight")
    return weights.astype(np.float32)


def _variance(settings: DataSettings, columns: pl.DataFrame, where: str, at: Locate) -> NDArray[np.float32] | None:
    """Variance of the measured values, given or from read counts; None where the table says nothing of it."""
    if settings.variance is not None:
        if settings.variance not in columns.columns:
            raise missing_column(settings.variance, columns.columns, path=where, setting="data.variance")
        found = numbers(columns[settings.variance], at, what="variance")
        wrong = np.flatnonzero(found <= 0)
        if len(wrong):
            row = int(wrong[0])
            raise InputError(
                f"column '{settings.variance}' is {found[row]:g}; a variance must be above 0", where=at(row)
            )
        return found.astype(np.float32)
    if not settings.counts:
        return None
    summed = np.zeros(len(columns))
    for name in settings.counts:
        if name not in columns.columns:
            raise missing_column(name, columns.columns, path=where, setting="data.counts")
        count = numbers(columns[name], at, what="read count")
        wrong = np.flatnonzero(count < 0)
        if len(wrong):
            row = int(wrong[0])
            raise InputError(f"column '{name}' is {count[row]:g}; a read count must be 0 or more", where=at(row))
        summed += 1 / (count + 1)
    return summed.astype(np.float32)


def _by_place(paths: list[Path], rows: _Rows) -> Locate:
    """Words for a row: file and line for a text table whose rows were all read, else the record number."""

    def locate(row: int) -> str:
        number = int(np.searchsorted(rows.starts, row, side="right")) - 1
        path, place = paths[number], int(rows.position[row])
        name = f"record '{rows.ids[row]}'"
        if rows.letters.skipped_rows:  # positions count the rows that were read
            return f"{path}, {name}"
        if detect(path).format in ("csv", "tsv"):
            return f"{path}:{place + 2}, {name}"
        return f"{path}, row {place + 1}, {name}"

    return locate


def _by_id(paths: list[Path], ids: pl.Series) -> Locate:
    where = _files(paths)
    return lambda row: f"{where}, record '{ids[row]}'"


def _files(paths: list[Path]) -> str:
    """The files in a few words, for messages."""
    return str(paths[0]) if len(paths) == 1 else f"{paths[0]} and {len(paths) - 1} more"


def _key(settings: DataSettings, paths: list[Path], window: Window | None, genome: Path | None) -> str:
    """What a store is made of: the files' SHA-256 and every setting that changes codes, rows or columns."""
    about = settings.model_dump(
        mode="json", include={"sequence", "id", "filter", "exclude", "limit", "window", "letters", "order"}
    )
    about["sources"] = [[sha256(path), source.set] for path, source in zip(paths, settings.sources, strict=True)]
    if genome is not None:
        about["genome"] = sha256(genome)
    about["fixed"] = None if window is None else [window.length, window.anchor, window.too_long]
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()
