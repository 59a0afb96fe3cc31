"""The table of a source collection: genomes or samples of known environments, and where their sequences are."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from strandloom.errors import InputError
from strandloom.io.frames import TextFrame, find_column, listed, read_text_frame

Kind = Literal["genomes", "reads"]
UNKNOWN = "unknown"
"""The source that no environment may be called after."""
_ID_KEYS: dict[Kind, tuple[str, ...]] = {
    "genomes": ("genomeid", "genome"),
    "reads": ("sample", "sampleid", "samplename"),
}
_SUFFIXES = (".fa.gz", ".fasta.gz", ".fna.gz", ".fastq.gz", ".fq.gz", ".fa", ".fasta", ".fna", ".fastq", ".fq")


@dataclass(frozen=True)
class Member:
    """One genome or one sample of a collection."""

    name: str
    environment: int
    genus: str
    """First word of the species; the name of the member where no species is given."""
    file: Path
    weight: float = 1.0
    """How much of its environment it makes up, relative to the others of it."""


@dataclass(frozen=True)
class Collection:
    """Members with their environments.

    Parameters
    ----------
    kind
        ``genomes``: reads are drawn from the files; ``reads``: the files hold reads.
    environments
        Names in order of appearance, E of them.
    members
        G of them, in the order of the table.
    """

    kind: Kind
    environments: tuple[str, ...]
    members: tuple[Member, ...]

    def __len__(self) -> int:
        return len(self.members)

    @cached_property
    def genera(self) -> tuple[str, ...]:
        """The genera, each once, in order of appearance."""
        return tuple(dict.fromkeys(member.genus for member in self.members))


def read_collection(path: str | Path, *, least: int = 2) -> Collection:
    """Read the table of a collection.

    Parameters
    ----------
    path
        Table with ``environment, genome_id[, file, genus, species, weight]`` (genomes) or ``environment, sample[, file]`` (reads);
        ``file`` is relative to the table and defaults to ``<id>.fa.gz`` (or another usual suffix) beside it; other columns are ignored.

    least
        Fewest environments.

    Raises
    ------
    InputError
        A column or a value is missing, a name stands twice, a file is not there, or there are too few environments.
    """
    table = read_text_frame(path)
    columns = table.frame.columns
    environment = find_column(columns, ("environment", "env"))
    genome, sample = (find_column(columns, _ID_KEYS[kind]) for kind in ("genomes", "reads"))
    if environment is None or (genome is None and sample is None):
        raise InputError(
            f"the table needs the columns environment and genome_id (or sample); it has {listed(columns, most=12)}",
            where=path,
            hint="one row for each genome (or sample of reads), with its environment",
        )
    kind: Kind = "genomes" if genome is not None else "reads"
    name = genome or sample
    assert name is not None
    environments = _full(table, environment)
    names = _full(table, name)
    if UNKNOWN in (x.lower() for x in environments):
        row = [x.lower() for x in environments].index(UNKNOWN)
        raise InputError(
            f"no environment may be called '{environments[row]}': the share of unknown sources has that name",
            where=table.where(row),
            hint="rename it",
        )
    files = _files(table, names, Path(path).parent)
    genus, species = (find_column(columns, (x,)) for x in ("genus", "species"))
    order = tuple(dict.fromkeys(environments))
    if len(order) < least:
        raise InputError(f"there is one environment, '{order[0]}'; at least two are needed", where=path)
    weights = _weights(table) if kind == "genomes" else [1.0] * len(names)
    members = []
    for row, own in enumerate(names):
        given = table.frame[genus][row] if genus else None
        words = (table.frame[species][row] or "").replace("_", " ").split() if species else []
        members.append(
            Member(own, order.index(environments[row]), given or (words[0] if words else own), files[row], weights[row])
        )
    return Collection(kind, order, tuple(members))


def _full(table: TextFrame, column: str) -> list[str]:
    """A column in which every row has a value."""
    values = table.frame[column]
    if values.null_count():
        row = int(values.is_null().arg_max() or 0)
        raise InputError(f"the column '{column}' is empty", where=table.where(row), hint="fill it in")
    return [str(x) for x in values]


def _weights(table: TextFrame) -> list[float]:
    column = find_column(table.frame.columns, ("weight", "abundance"))
    if column is None:
        return [1.0] * table.frame.height
    found = []
    for row, text in enumerate(table.frame[column]):
        try:
            value = float(text or "")
        except ValueError:
            value = -1.0
        if not 0 <= value < float("inf"):
            raise InputError(f"'{text or ''}' in the column '{column}' is no weight", where=table.where(row))
        found.append(value)
    return found


def candidates(folder: Path, name: str) -> list[Path]:
    """Where the sequences of a name may lie."""
    return [folder / f"{name}{suffix}" for suffix in _SUFFIXES]


def _files(table: TextFrame, names: list[str], folder: Path) -> list[Path]:
    """The file of every row; all that are missing are named at once."""
    column = find_column(table.frame.columns, ("file",))
    files, missing = [], []
    seen: dict[str, int] = {}
    for row, name in enumerate(names):
        if name in seen:
            raise InputError(
                f"'{name}' stands twice (the first time at {table.where(seen[name])})",
                where=table.where(row),
                hint="give every row its own name; several files of a sample: join them first (cat a.fq.gz b.fq.gz > ab.fq.gz)",
            )
        seen[name] = row
        given = table.frame[column][row] if column else None
        places = [folder / given] if given else candidates(folder, name)
        file = next((x for x in places if x.is_file()), None)
        if file is None:
            missing.append(f"{name} ({places[0].name}, {table.where(row)})")
        files.append(file or places[0])
    if missing:
        raise InputError(
            f"{len(missing)} of {len(names)} have no file: {listed(missing)}",
            where=table.path,
            hint="files lie beside the table as <name>.fa.gz, or are named in a column 'file'",
        )
    return files
