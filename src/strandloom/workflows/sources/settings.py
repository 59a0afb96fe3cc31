"""How source models are trained, reads are prepared, and samples are estimated."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from strandloom.settings import Settings


class SourceTraining(Settings):
    """How a source model is trained."""

    model: Literal["lean", "published", "tokens"] = "lean"
    """Words of the collection and networks that weigh them, the published convolutional network, or a network of
    hashed canonical 12-mers."""
    seed: int = Field(1, ge=0)
    """Of all draws and first weights."""
    members: int = Field(3, ge=1, le=20)
    """Networks whose answers are averaged."""
    reads_per_lineage: int = Field(3000, ge=100, le=1_000_000)
    """Practice reads of each genome (or part of a sample); they are drawn, met and forgotten."""
    epochs: int = Field(8, ge=1, le=1000)
    """Passes over the practice."""
    related: float = Field(0.39, ge=0, le=1)
    """Share of the practice reads whose own genome is hidden; what is left of it and of ``strange`` sees everything."""
    strange: float = Field(0.39, ge=0, le=1)
    """Share of the practice reads whose whole genus is hidden."""
    nothing: float = Field(0.15, gt=0, lt=0.9)
    """Reads like nothing, as a share of the others."""
    folds: int = Field(8, ge=2, le=64)
    """Parts into which genomes are split to judge networks that saw none of a part."""
    table_bits: int = Field(24, ge=12, le=28)
    """Tables of long words have at most 2 to this power slots (64 MiB at 24), of protein words twice as many; more words are sampled."""


class ReadSettings(Settings):
    """How reads are prepared; everything dropped is counted."""

    min_length: int = Field(40, ge=20, le=1000)
    """Reads shorter than this (after trimming) are dropped."""
    adapters: tuple[str, ...] | Literal["auto", "none"] = "auto"
    """3' adapters to cut off (needs cutadapt, the extra ``reads``); auto: Illumina's, where the first reads show one."""
    quality: int = Field(0, ge=0, le=60)
    """Bases at the end of a read below this quality are cut off (needs cutadapt); 0: none are."""


class EstimateSettings(Settings):
    """How the composition of a sample is estimated."""

    level: float = Field(0.9, gt=0.5, lt=1)
    """Of the intervals."""
    resamples: int = Field(200, ge=20, le=10_000)
    """Resamples of reads and of reference genomes behind the shares and their intervals."""
    seed: int = Field(1, ge=0)
    """Of the resamples."""
    few: Annotated[int, Field(ge=1)] = 200
    """With fewer reads than this a sample is called small."""
