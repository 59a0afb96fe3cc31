"""Settings of every kind of split: a union told apart by ``kind``."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from strandloom.settings import Settings

Fraction = Annotated[float, Field(gt=0, lt=1)]
Scalar = bool | int | float | str


class _Fractions(Settings):
    """What splits by shares of the rows have in common."""

    validation: Fraction = 0.1
    """Share of all rows for validation."""
    test: Fraction = 0.2
    """Share of all rows for the test."""
    seed: int = Field(1, ge=0)
    """Seed of the division."""

    @model_validator(mode="after")
    def _leave_some_for_training(self) -> Self:
        if self.validation + self.test >= 1:
            raise ValueError(f"validation + test must be below 1, not {self.validation + self.test:g}")
        return self


class RandomSplit(_Fractions):
    """Rows at random."""

    kind: Literal["random"] = "random"


class StratifiedSplit(_Fractions):
    """Rows at random with the same class shares (or spread of values) in every part."""

    kind: Literal["stratified"] = "stratified"


class HomologySplit(_Fractions):
    """Near-duplicate sequences (either strand) stay together; parts are balanced by class as far as possible."""

    kind: Literal["homology"] = "homology"
    k: int | None = Field(None, ge=6, le=12)
    """k-mer length; left out: chosen from the lengths and the number of rows."""
    threshold: float | None = Field(None, gt=0, le=1)
    """Similarity that joins two sequences; left out: what 82 % identity leaves."""


class GroupSplit(_Fractions):
    """All rows with the same value of a column (gene, genome, donor, study) stay together."""

    kind: Literal["group"] = "group"
    column: str
    """The column that names the group."""


class ColumnSplit(Settings):
    """The part of each row stands in a column."""

    kind: Literal["column"] = "column"
    column: str = "split"
    """The column that names the part."""
    train: tuple[str, ...] = ("train",)
    """Values that mean training (upper or lower case)."""
    validation: tuple[str, ...] = ("validation", "valid", "val", "dev")
    """Values that mean validation."""
    test: tuple[str, ...] = ("test",)
    """Values that mean test."""
    unused: tuple[str, ...] = ()
    """Values of rows to leave out."""
    validation_fraction: Fraction = 0.1
    """Share of the training rows that becomes validation, by homology component, when no row names that part."""
    seed: int = Field(1, ge=0)
    """Seed of that division."""


class Condition(Settings):
    """A comparison of a column with a value; a row without a value never meets it."""

    column: str
    """The column to compare."""
    op: Literal["==", "!=", "<", "<=", ">", ">=", "in"]
    """The comparison; ``in`` takes a list."""
    value: Scalar | tuple[Scalar, ...]
    """What to compare with."""

    @model_validator(mode="after")
    def _list_only_for_in(self) -> Self:
        if (self.op == "in") != isinstance(self.value, tuple):
            raise ValueError("a list of values goes with op: in, and only with it")
        return self

    def __str__(self) -> str:
        value = list(self.value) if isinstance(self.value, tuple) else self.value
        return f"{self.column} {self.op} {value}"


class ConditionSplit(Settings):
    """Rows that meet conditions on columns are the test (and validation) part."""

    kind: Literal["condition"] = "condition"
    test: tuple[Condition, ...] = Field(min_length=1)
    """A row is in the test part when it meets all of these."""
    validation: tuple[Condition, ...] = ()
    """Of the other rows, those that meet all of these; left out: a share of them by homology component."""
    validation_fraction: Fraction = 0.1
    """That share."""
    seed: int = Field(1, ge=0)
    """Seed of that division."""


class QuantileSplit(_Fractions):
    """The highest (or lowest) values of a column are the test part; rows that tie with the cut go with it."""

    kind: Literal["quantile"] = "quantile"
    column: str
    """A numeric column."""
    side: Literal["top", "bottom"] = "top"
    """Which end is the test part."""
    validation_from: Literal["next", "random"] = "random"
    """Validation: the next slice of values, or rows at random of the rest."""


class ChromosomeSplit(Settings):
    """Listed chromosomes (or contigs) are the test and the validation part, the others train."""

    kind: Literal["chromosome"] = "chromosome"
    column: str = "chrom"
    """The column that names the chromosome; without it, ids such as ``chr8:100-200`` do."""
    test: tuple[str, ...] = Field(min_length=1)
    """Chromosomes of the test part."""
    validation: tuple[str, ...] = ()
    """Chromosomes of the validation part; left out: a share of the training rows by homology component."""
    unused: tuple[str, ...] = ()
    """Chromosomes to leave out."""
    validation_fraction: Fraction = 0.1
    """That share."""
    seed: int = Field(1, ge=0)
    """Seed of that division."""


class FoldsSplit(Settings):
    """k folds: each is the test part once; every row is tested exactly once."""

    kind: Literal["folds"] = "folds"
    k: int = Field(10, ge=2)
    """Number of folds (with ``column``: taken from it)."""
    column: str | None = None
    """A column that already names the fold of each row."""
    by: str = "rows"
    """What stays together: ``rows`` (nothing), ``homology`` (near duplicates), or the name of a group column."""
    stratified: bool = True
    """Keep class shares alike (with groups: as far as possible)."""
    validation: Fraction = 0.1
    """Share of the rows outside the test fold for validation; it keeps groups or near duplicates together likewise."""
    seed: int = Field(1, ge=0)
    """Seed of the division."""


class LeaveOneGroupOutSplit(Settings):
    """Each group is the test part once."""

    kind: Literal["leave_one_group_out"] = "leave_one_group_out"
    column: str
    """The column that names the group."""
    validation: Fraction = 0.1
    """Share of the rows of the other groups for validation, whole groups at a time."""
    seed: int = Field(1, ge=0)
    """Seed of that choice."""


SplitSettings = Annotated[
    RandomSplit
    | StratifiedSplit
    | ColumnSplit
    | ConditionSplit
    | QuantileSplit
    | GroupSplit
    | ChromosomeSplit
    | FoldsSplit
    | LeaveOneGroupOutSplit
    | HomologySplit,
    Field(discriminator="kind"),
]
