"""The ``data:`` section of an experiment: which files and columns, how letters, lengths and strands are treated."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from strandloom.data.window import WindowSettings
from strandloom.io.settings import LetterPolicy
from strandloom.settings import Settings

Cell = str | int | float | bool


class Source(Settings):
    """One file of a data set that stands in several."""

    path: str
    """The file (FASTA, FASTQ, CSV, TSV, Parquet, NPY, NPZ, one sequence per line; plain or gz)."""

    set: dict[str, Cell] = Field(default={})
    """Constant columns added to its rows: ``{split: train}``, ``{label: donor}``; they replace columns of the file."""


class DataSettings(Settings):
    """Where the sequences and the target are, and how they are read."""

    table: str | tuple[str | Source, ...]
    """The file, or several: paths, or ``{path: FILE, set: {column: value}}``. Relative paths resolve beside the
    experiment file."""

    genome: str | None = None
    """FASTA of a genome (plain or gz): the table then holds places on it (``chrom``, ``start``, ``end`` and perhaps ``strand``; 0-based,
    half open), and each row is the window of ``window.length`` bases around its place."""

    sequence: str | None = None
    """Column that holds the sequences; null: recognised by name, then by content."""

    target: str | tuple[str, ...] | None = None
    """Column, or columns, to learn; null: recognised by name (label, class, target, y, …). Of an array ``(N, K)`` its name stands for all
    K columns."""

    id: str | None = None
    """Column that names the rows; null: id, name or record_id where there is one, otherwise the row number."""

    weight: str | None = None
    """Column of row weights (finite, ≥ 0); null: every row counts the same."""

    variance: str | None = None
    """Values: column of the variance of each measured value (finite, > 0); null: not known, or given by ``counts``."""

    counts: tuple[str, ...] = ()
    """Values that are log ratios of read counts: the columns of these counts (before, after …), whose variance is the sum of
    1 / (count + 1)."""

    filter: dict[str, Cell | tuple[Cell, ...]] = Field(default={})
    """Keep only rows whose column has this value, or one of these: ``{enhancer: 1}``."""

    exclude: dict[str, Cell | tuple[Cell, ...]] = Field(default={})
    """Leave out rows whose column has this value, or one of these: ``{also_in_train: 1}``."""

    limit: int | None = Field(None, ge=1)
    """Keep at most this many rows, drawn evenly at random (always the same ones); null: all."""

    window: WindowSettings = WindowSettings()
    """The length policy."""

    letters: LetterPolicy = LetterPolicy()
    """What happens to letters other than A, C, G, T."""

    strand: Literal["one", "both", "auto"] = "auto"
    """``both``: the reverse complement means the same, and training and prediction use it; ``one``: it does not;
    ``auto``: decided on the validation part."""

    order: str | None = Field(None, pattern="^[ACGT]{4}$")
    """Order of the bases in one-hot or integer arrays (NPY, NPZ, HDF5, MATLAB): ``ACGT``, ``AGCT`` (DeepSEA), …; for such files only."""

    memory: int = Field(4096, ge=1)
    """Megabytes of coded sequences kept in memory; a larger set is placed in a memory-mapped file."""

    @model_validator(mode="after")
    def _windows_of_a_genome(self) -> Self:
        if self.genome is not None and self.window.length is None:
            raise ValueError("genome needs window.length, the bases around each place (--window 1000)")
        if self.genome is not None and self.sequence is not None:
            raise ValueError("give genome or sequence, not both")
        return self

    @model_validator(mode="after")
    def _one_variance(self) -> Self:
        if self.variance is not None and self.counts:
            raise ValueError("give variance or counts, not both")
        return self

    @field_validator("table", "target")
    @classmethod
    def _not_empty(cls, value: object) -> object:
        if isinstance(value, tuple) and not value:
            raise ValueError("the list is empty; give at least one")
        if isinstance(value, tuple) and all(isinstance(x, str) for x in value) and len(set(value)) != len(value):
            raise ValueError("the list names the same entry twice")
        return value

    @property
    def sources(self) -> tuple[Source, ...]:
        """The files, always as a tuple of sources."""
        entries = (self.table,) if isinstance(self.table, str) else self.table
        return tuple(Source(path=x) if isinstance(x, str) else x for x in entries)

    @property
    def targets(self) -> tuple[str, ...] | None:
        """The target columns, always as a tuple; None where they are to be recognised."""
        return (self.target,) if isinstance(self.target, str) else self.target
