"""Reference sequences with their lineages, in the formats people have, to one table."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import polars as pl

from strandloom.alphabet import DNA
from strandloom.errors import InputError
from strandloom.io.detect import detect
from strandloom.io.frames import NAMED, TextFrame, find_column, key, listed, read_text_frame
from strandloom.io.headers import read_headers
from strandloom.io.lineages import (
    LEVELS,
    LINEAGE_FORM,
    clean_names,
    complete_names,
    lineage_problems,
    rank_columns,
    split_lineages,
)
from strandloom.io.qiime import is_artifact, open_artifact
from strandloom.io.read import column_names, read_records
from strandloom.io.records import Records
from strandloom.io.settings import LetterPolicy

ID_KEYS = (
    "recordid", "accession", "featureid", "id", "accessionnumber", "accessionid", "seqid", "sequenceid", "otuid", "asvid", "name",
)  # fmt: skip
LINEAGE_KEYS = ("taxon", "taxonomy", "lineage", "taxonomicpath", "classification")
_VERSION = r"\.\d+$"
_FEWEST_RANKS = 2


@dataclass(frozen=True)
class Named:
    """How many there are, and the first of them by name."""

    count: int = 0
    first: tuple[str, ...] = ()


@dataclass(frozen=True)
class ReferenceFacts:
    """What was met while a reference was read."""

    records: int
    """Sequences."""
    unnamed: dict[str, int]
    """Rank to the number of records without a name at it."""
    problems: int
    """Records whose ranks do not fit together."""
    without_lineage: Named
    """Sequences that the taxonomy table, or their own header, says nothing of."""
    without_sequence: Named
    """Ids of the taxonomy table that no sequence has."""
    repeated_ids: Named
    """Ids that several sequences have."""
    gaps: int
    """Gaps that were taken out of aligned sequences."""
    notes: tuple[str, ...]
    """What else was done, in plain words."""


@dataclass(frozen=True)
class ReferenceTable:
    """R reference sequences with their lineages."""

    frame: pl.DataFrame
    """``record_id, class, order, family, genus, species, sequence, problem``, all String, R rows: null where unknown; ``problem`` says how
    the ranks of a record do not fit together."""
    kind: str
    """The format that was recognised, in words."""
    facts: ReferenceFacts


class _Lineages(NamedTuple):
    """``record_id`` and the ranks, a row an id."""

    frame: pl.DataFrame
    kind: str


def read_reference_table(sequences: str | Path, *, taxonomy: str | Path | None = None) -> ReferenceTable:
    """Read reference sequences with class, order, family, genus and species.

    Parameters
    ----------
    sequences
        A table (CSV, TSV, NDJSON, plain or gzip, or Parquet) of ids, sequences and either a column a rank or one of lineages; or FASTA,
        plain, gzip or in a QIIME 2 artefact, whose headers hold SINTAX lineages (``tax=``), lineages, or ``>ID Genus epithet``. Gaps of
        aligned sequences are removed, lower case becomes upper case, and no base is changed otherwise.
    taxonomy
        The lineages of sequences that have none themselves: a table of ids and ranks, with or without column names, or of ids and
        lineages, such as the ``Feature ID, Taxon`` of QIIME 2, also as an artefact.

    Raises
    ------
    InputError
        A file cannot be read or is not understood, no id is in both, or an id has two lineages.
    """
    path = Path(sequences)
    with ExitStack() as stack:
        data = path
        if is_artifact(path):
            kinds = ("FeatureData[Sequence]", "FeatureData[AlignedSequence]")
            data = stack.enter_context(open_artifact(path, accepted=kinds)).data
        if detect(data).format in ("fasta", "fastq"):
            return _fasta(data, path, taxonomy)
        return _table(data, taxonomy)


def _records(path: Path, *, id_column: str | None = None) -> Records:
    return read_records(path, id_column=id_column, policy=LetterPolicy(gap="remove"))


def _fasta(data: Path, path: Path, taxonomy: str | Path | None) -> ReferenceTable:
    records = _records(data)
    ids = records.ids.rename("record_id")
    if taxonomy is not None:
        return _joined(records, ids, _read_lineages(Path(taxonomy)), path, Path(taxonomy), base="FASTA")
    headers = read_headers(ids, records.columns["description"], where=str(data))
    frame = headers.lineages.with_columns(headers.ids.alias("record_id"))
    return _finished(records, frame, headers.kind, without_lineage=_some(headers.ids.filter(headers.silent)))


def _table(path: Path, taxonomy: str | Path | None) -> ReferenceTable:
    names = column_names(path)
    records = _records(path, id_column=find_column(names, ID_KEYS))
    ids, columns = records.ids.rename("record_id"), records.columns
    ranks, lineage = rank_columns(columns.columns), find_column(columns.columns, LINEAGE_KEYS)
    own = len(ranks) >= _FEWEST_RANKS or lineage is not None
    if taxonomy is not None:
        if own:
            raise InputError(
                f"the table has lineages of its own ({listed([*ranks.values(), *([lineage] if lineage else [])])})",
                where=path,
                hint="leave the taxonomy table out, or those columns",
            )
        return _joined(records, ids, _read_lineages(Path(taxonomy)), path, Path(taxonomy), base="table")
    if not own:
        raise InputError(
            f"no column holds a rank or a lineage; columns: {listed(names, most=20)}",
            where=path,
            hint=f"name columns {', '.join(LEVELS)}, or one 'lineage' of {LINEAGE_FORM}, or give a taxonomy table",
        )
    text = columns.with_columns(pl.all().cast(pl.String))
    if lineage is None or len(ranks) >= _FEWEST_RANKS:
        _check_species(ranks, names, path)
        return _finished(records, _ranked(text, ranks).with_columns(ids), "table with a column a rank")
    found = split_lineages(text[lineage], where=str(path))
    return _finished(records, found.with_columns(ids), f"table with lineages ('{lineage}')")


def _check_species(ranks: dict[str, str], names: list[str], path: Path) -> None:
    if "species" not in ranks:
        raise InputError(
            f"no column is called species; columns: {listed(names, most=20)}",
            where=path,
            hint='every record needs its species, as "Genus epithet", in a column of that name',
        )


def _ranked(frame: pl.DataFrame, ranks: dict[str, str]) -> pl.DataFrame:
    return frame.select(
        (pl.col(ranks[level]) if level in ranks else pl.lit(None, pl.String)).alias(level) for level in LEVELS
    )


def _has_names(fields: list[str]) -> bool:
    keys = {key(field) for field in fields}
    return bool(keys & {*ID_KEYS, *LINEAGE_KEYS}) or len(rank_columns(fields)) >= _FEWEST_RANKS


def _read_lineages(path: Path) -> _Lineages:
    """The lineages of a taxonomy table."""
    with ExitStack() as stack:
        data = path
        if is_artifact(path):
            data = stack.enter_context(open_artifact(path, accepted=("FeatureData[Taxonomy]",))).data
        table = read_text_frame(data, headed=_has_names)
        names = table.frame.columns
        id_column = find_column(names, ID_KEYS) or names[0]
        ranks = rank_columns(names)
        lineage = find_column([x for x in names if x != id_column], LINEAGE_KEYS)
        headless = names == [f"column_{i}" for i in range(1, len(names) + 1)]
        if headless and len(names) > len(LEVELS):
            ranks = dict(zip(LEVELS, names[-len(LEVELS) :], strict=True))
        elif headless and len(names) in (2, 3):
            lineage = names[1]
        if len(ranks) >= _FEWEST_RANKS:
            _check_species(ranks, names, path)
            found, kind = _ranked(table.frame, ranks), "flat taxonomy"
        elif lineage is not None:
            found, kind = split_lineages(table.frame[lineage], where=str(data)), "QIIME 2 taxonomy"
        else:
            raise InputError(
                f"this is no taxonomy table; columns: {listed(names, most=20)}",
                where=data,
                hint="accession, kingdom, phylum, class, order, family, genus, species, or Feature ID, Taxon",
            )
        return _Lineages(_one_each(table, table.frame[id_column], found), kind)


def _one_each(table: TextFrame, ids: pl.Series, found: pl.DataFrame) -> pl.DataFrame:
    """One lineage an id."""
    if ids.null_count():
        raise InputError("the id is empty", where=table.where(int(ids.is_null().arg_max() or 0)))
    frame = found.with_columns(ids.alias("record_id")).unique(maintain_order=True)
    twice = frame["record_id"].is_duplicated()
    if twice.any():
        name = frame["record_id"].filter(twice)[0]
        rows = (ids == name).arg_true()
        raise InputError(
            f"'{name}' has two different lineages (also at line {table.lines[rows[0]]})",
            where=table.where(int(rows[-1])),
            hint="keep one of them",
        )
    return frame


def _joined(
    records: Records, ids: pl.Series, lineages: _Lineages, path: Path, taxonomy: Path, *, base: str
) -> ReferenceTable:
    """Sequences and the taxonomy table brought together by their ids."""
    table, notes = lineages.frame, []
    keys = ids
    if not ids.is_in(table["record_id"].implode()).any():
        bare = table.with_columns(pl.col("record_id").str.replace(_VERSION, "")).unique("record_id", keep="none")
        if ids.str.replace(_VERSION, "").is_in(bare["record_id"].implode()).any():
            table, keys = bare, ids.str.replace(_VERSION, "")
            notes.append("sequences and taxonomy were matched by accession without its version (.1)")
    known = keys.is_in(table["record_id"].implode())
    if not known.any():
        raise InputError(
            f"no sequence has an id of the taxonomy: the sequences are {listed(ids.to_list(), most=3)}; "
            f"the taxonomy has {listed(table['record_id'].to_list(), most=3)}",
            where=path,
            hint=f"check that {taxonomy.name} belongs to these sequences",
        )
    unused = table["record_id"].filter(~table["record_id"].is_in(keys.implode()))
    found = pl.DataFrame({"record_id": keys}).join(table, on="record_id", how="left", maintain_order="left")
    return _finished(
        records,
        found.with_columns(ids),
        f"{base} and {lineages.kind}",
        without_lineage=_some(ids.filter(~known)),
        without_sequence=_some(unused),
        notes=tuple(notes),
    )


def _some(names: pl.Series) -> Named:
    return Named(len(names), tuple(names.head(NAMED).to_list()))


def _finished(
    records: Records,
    frame: pl.DataFrame,
    kind: str,
    *,
    without_lineage: Named = Named(),
    without_sequence: Named = Named(),
    notes: tuple[str, ...] = (),
) -> ReferenceTable:
    """The table of lineages, as read, cleaned and put beside the sequences."""
    ids, ranks = frame["record_id"], complete_names(clean_names(frame))
    problem = lineage_problems(ranks)
    letters, edges = DNA.decode(records.codes), records.offsets.tolist()
    texts = [letters[a:b] for a, b in pairwise(edges)]
    out = ranks.insert_column(0, ids).with_columns(pl.Series("sequence", texts, dtype=pl.String), problem)
    return ReferenceTable(
        out,
        kind,
        ReferenceFacts(
            records=out.height,
            unnamed={level: out[level].null_count() for level in LEVELS},
            problems=out.height - problem.null_count(),
            without_lineage=without_lineage,
            without_sequence=without_sequence,
            repeated_ids=_some(ids.filter(ids.is_duplicated()).unique(maintain_order=True)),
            gaps=records.letters.gaps,
            notes=notes,
        ),
    )
