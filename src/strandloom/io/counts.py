"""Count tables of ASVs in samples, in the shapes people have, to one long table of what is above zero."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from strandloom.errors import InputError
from strandloom.io.biom import HDF5, read_biom
from strandloom.io.frames import TextFrame, find_column, key, listed, read_text_frame
from strandloom.io.qiime import is_artifact, open_artifact
from strandloom.io.stream import open_error

SAMPLE_KEYS = (
    "sampleid",
    "sample",
    "samplename",
    "sampleidentifier",
    "sampname",
    "materialsampleid",
    "eventid",
    "library",
)
ASV_KEYS = (
    "asvid", "asv", "asvname", "otuid", "otu", "zotu", "zotuid", "featureid", "feature", "sequenceid", "seqid", "id", "haplotype",
    "queryid", "rowid", "observationid",
)  # fmt: skip
READ_KEYS = (
    "reads", "read", "nreads", "readcount", "readcounts", "numreads", "count", "counts", "abundance", "frequency", "freq", "n",
    "organismquantity", "value",
)  # fmt: skip
SEQUENCE_KEYS = ("sequence", "dnasequence", "asvsequence", "seq")
BESIDE_KEYS = (
    "taxonomy", "taxon", "lineage", "confidence", "consensuslineage", "kingdom", "phylum", "class", "order", "family", "genus", "species",
    *SEQUENCE_KEYS, "length", "total",
)  # fmt: skip
_DNA = r"^[ACGTUNacgtun]{20,}$"
_EMPTY = ("na", "nan", "none", "null", "-")
_HINT = "every cell is a number of reads: 0, 1, 2, …; shares and rarefied or corrected values are not counts"


@dataclass(frozen=True)
class CountFacts:
    """What was met while a count table was read."""

    samples: int
    """Samples in the table, also those without reads."""
    ids: int
    """ASVs in the table, also those without reads."""
    reads: int
    """Reads in all."""
    sequences_as_ids: bool
    """The ASVs are named by their sequence."""
    ignored: tuple[str, ...]
    """Columns beside the counts that were left out."""
    repeated: int
    """Rows of a long table that were added to another row of the same sample and ASV."""


@dataclass(frozen=True)
class Counts:
    """Reads of each ASV in each sample."""

    frame: pl.DataFrame
    """``sample`` String, ``id`` String, ``reads`` Int64, above 0 only; each pair once."""
    kind: str
    """The format that was recognised, in words."""
    facts: CountFacts


class _Cells(NamedTuple):
    """The filled cells of a table, N of them, with where each came from."""

    sample: pl.Series
    id: pl.Series
    value: NDArray[np.float64]
    samples: int
    ids: int
    kind: str
    ignored: tuple[str, ...] = ()


def read_counts(
    path: str | Path,
    *,
    ids: Collection[str] | None = None,
    sequences: Collection[str] | None = None,
    samples: Collection[str] | None = None,
) -> Counts:
    """Read a count table.

    Parameters
    ----------
    path
        A long table (sample, ASV, reads), a table of ASVs × samples or of samples × ASVs (TSV, CSV, plain or gzip, Parquet; the TSV
        of `biom convert` and the tables of DADA2, whose columns are sequences, among them), a BIOM 2 file, or the QIIME 2 artefact
        ``FeatureTable[Frequency]``.
    ids
        The ASVs that are known; with ``samples`` they decide which way round a table stands.
    sequences
        The sequences of these ASVs, by which a table may name them too.
    samples
        The samples that are known.

    Raises
    ------
    InputError
        The table is empty, holds anything but counts (names the line), has no read, or neither its rows nor its columns are known.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            magic = file.read(8)
    except OSError as error:
        raise open_error(error, path) from error
    if is_artifact(path):
        with open_artifact(path, accepted=("FeatureTable[Frequency]",)) as artifact:
            cells = _biom(artifact.data, "QIIME 2 artefact FeatureTable[Frequency]")
    elif magic == HDF5:
        cells = _biom(path, "BIOM 2 file")
    elif magic.lstrip().startswith(b"{"):
        raise InputError("this is a BIOM 1 (JSON) table", where=path, hint="convert it first: biom convert --to-hdf5")
    else:
        table = read_text_frame(path)
        cells = _long(table) or _wide(table, {*(ids or ()), *(sequences or ())}, samples)
    return _finished(cells, path, ids, samples)


def _biom(path: Path, kind: str) -> _Cells:
    found = read_biom(path)
    bad = np.flatnonzero(~(found.value >= 0) | (found.value != np.floor(found.value)))
    if len(bad):
        at = int(bad[0])
        raise InputError(
            f"{found.value[at]:g} is no count: '{found.id[at]}' in sample '{found.sample[at]}'", where=path, hint=_HINT
        )
    return _Cells(found.sample, found.id, found.value, found.samples, found.ids, kind)


def _long(table: TextFrame) -> _Cells | None:
    """The cells of a long table; None where the columns are not those of one."""
    names = table.frame.columns
    sample, reads = find_column(names, SAMPLE_KEYS), find_column(names, READ_KEYS)
    feature = find_column([x for x in names if x != sample], ASV_KEYS) or find_column(names, SEQUENCE_KEYS)
    if sample is None or reads is None:
        return None
    if feature is None:
        raise InputError(
            f"no column names the ASVs or taxa; columns: {listed(names, most=20)}",
            where=table.path,
            hint="call it asv_id or otu_id",
        )
    for name in (sample, feature):
        empty = table.frame[name].is_null()
        if empty.any():
            raise InputError(f"the column '{name}' is empty", where=table.where(int(empty.arg_max() or 0)))
    value = _numbers(table, [reads])[:, 0]
    beside = tuple(x for x in names if x not in (sample, feature, reads))
    which, what = table.frame[sample], table.frame[feature]
    return _Cells(which, what, value, which.n_unique(), what.n_unique(), "long table of samples and ASVs", beside)


def _numbers(table: TextFrame, columns: list[str]) -> NDArray[np.float64]:
    """Columns of counts, float64 ``(M, columns)``; an empty cell is 0."""
    text = pl.concat([table.frame[column] for column in columns])  # (columns * M,)
    value = text.cast(pl.Float64, strict=False)
    numbers = value.fill_null(0).to_numpy()
    bad = (value.is_null() & text.is_not_null() & ~text.str.to_lowercase().is_in(_EMPTY)).to_numpy()
    bad |= ~(numbers >= 0) | (numbers != np.floor(numbers)) | ~np.isfinite(numbers)
    rows = table.frame.height
    if bad.any():
        row, column = min((at % rows, at // rows) for at in np.flatnonzero(bad).tolist())
        cell = text[column * rows + row]
        raise InputError(
            f"'{cell}' in the column '{_short(columns[column])}' is no count", where=table.where(row), hint=_HINT
        )
    return numbers.reshape(len(columns), rows).T


def _wide(table: TextFrame, ids: Collection[str] | None, samples: Collection[str] | None) -> _Cells:
    names = table.frame.columns
    label = find_column(names[:1], (*ASV_KEYS, *SAMPLE_KEYS)) or _named_column(names) or names[0]
    beside = [x for x in names if x != label and key(x) in BESIDE_KEYS]
    columns = [x for x in names if x != label and x not in beside]
    rows = table.frame[label]
    if rows.null_count():
        raise InputError(f"the column '{label}' is empty", where=table.where(int(rows.is_null().arg_max() or 0)))
    if rows.is_duplicated().any():
        row = int(rows.is_duplicated().arg_true()[-1])
        raise InputError(f"'{_short(rows[row])}' stands twice in the column '{label}'", where=table.where(row))
    if not columns:
        raise InputError(f"no column holds counts; columns: {listed(names, most=20)}", where=table.path)
    across = _samples_in_rows(rows, columns, label, ids, samples, table)
    matrix = _numbers(table, columns)
    at, to = np.nonzero(matrix)
    down, over = rows.gather(at), pl.Series("column", columns, dtype=pl.String).gather(to)
    value = matrix[at, to]
    if across:
        return _Cells(down, over, value, len(rows), len(columns), "table of samples × ASVs", tuple(beside))
    return _Cells(over, down, value, len(columns), len(rows), "table of ASVs × samples", tuple(beside))


def _named_column(names: list[str]) -> str | None:
    """A column of names that is not the first, such as an ASV's name after its sequence."""
    return find_column(names, (*ASV_KEYS, *SAMPLE_KEYS))


def _samples_in_rows(
    rows: pl.Series,
    columns: list[str],
    label: str,
    ids: Collection[str] | None,
    samples: Collection[str] | None,
    table: TextFrame,
) -> bool:
    """Which way round a table stands: by known names, then by the name of the first column, then by sequences."""
    known_ids, known_samples = set(ids or ()), set(samples or ())
    down, over = set(rows.to_list()), set(columns)
    upright = len(down & known_ids) + len(over & known_samples)
    across = len(down & known_samples) + len(over & known_ids)
    if upright != across:
        return across > upright
    if key(label) in SAMPLE_KEYS:
        return True
    if key(label) in ASV_KEYS:
        return False
    named = {"rows": rows, "columns": pl.Series(columns)}
    sequences = {part: bool(values.str.contains(_DNA).all()) for part, values in named.items()}
    if sequences["rows"] != sequences["columns"]:
        return sequences["columns"]
    raise InputError(
        f"it cannot be told which are the samples: the rows are {listed([_short(x) for x in rows.to_list()], most=3)}, "
        f"the columns {listed([_short(x) for x in columns], most=3)}"
        + ("; none of them is known" if known_ids or known_samples else ""),
        where=table.path,
        hint="name the first column sample_id or asv_id, and use the ids of the sequences and of the samples' table",
    )


def _finished(cells: _Cells, path: Path, ids: Collection[str] | None, samples: Collection[str] | None) -> Counts:
    """The long table; each pair once, above 0."""
    frame = pl.DataFrame([cells.sample.alias("sample"), cells.id.alias("id"), pl.Series("reads", cells.value)])
    frame = frame.filter(pl.col("reads") > 0).with_columns(pl.col("reads").cast(pl.Int64))
    if not frame.height:
        raise InputError(
            f"the count table has no read: {cells.samples:,} samples and {cells.ids:,} ASVs, all of them 0", where=path
        )
    sequences = bool(frame["id"].str.contains(_DNA).all())
    _check_known(frame, path, ids, samples, sequences=sequences)
    summed = frame.group_by("sample", "id", maintain_order=True).agg(pl.col("reads").sum())
    facts = CountFacts(
        samples=cells.samples,
        ids=cells.ids,
        reads=int(summed["reads"].sum()),
        sequences_as_ids=sequences,
        ignored=cells.ignored,
        repeated=frame.height - summed.height,
    )
    return Counts(summed, cells.kind, facts)


def _check_known(
    frame: pl.DataFrame,
    path: Path,
    ids: Collection[str] | None,
    samples: Collection[str] | None,
    *,
    sequences: bool,
) -> None:
    """Sequences in place of ids are matched by the caller."""
    for column, known, what in (("id", ids, "ASVs"), ("sample", samples, "samples")):
        if not known or (column == "id" and sequences):
            continue
        met = frame[column].unique(maintain_order=True).to_list()
        if not set(met) & set(known):
            raise InputError(
                f"none of the {what} of the count table is known: it has {listed(met, most=3)}; "
                f"known are {listed(sorted(known), most=3)}",
                where=path,
                hint=f"use the same ids of {what} in every file",
            )


def _short(name: str) -> str:
    return name if len(name) <= 24 else f"{name[:21]}…"
