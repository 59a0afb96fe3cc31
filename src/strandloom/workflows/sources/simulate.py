"""Samples of known composition: reads of a collection's genomes, mixed with reads of foreign ones."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field

from strandloom.alphabet import DNA
from strandloom.errors import UsageError
from strandloom.io.plain import write_json
from strandloom.io.write import TableWriter, replacing
from strandloom.run.output_folder import new_folder
from strandloom.settings import Settings
from strandloom.version import VERSION
from strandloom.workflows.sources.collection import UNKNOWN, Collection, read_collection
from strandloom.workflows.sources.draws import ReadProfile, Reads, draw_members, draw_reads
from strandloom.workflows.sources.evidence import ReadBlock
from strandloom.workflows.sources.pool import Pool, read_pool

FACTS = "simulation.json"
FORMAT = 1
LEAST_CONTIG = 100
_QUALITY = "I"
"""Q40: the quality written for every base."""
_RECORDS = 65_536
"""Records whose text is held at once."""


class MixtureSettings(Settings):
    """Mixtures of environments."""

    samples: int = Field(6, ge=1, le=100_000)
    """Samples."""
    reads: int = Field(20_000, ge=1)
    """Reads of each."""
    evenness: float = Field(1.0, gt=0, le=1000)
    """Of the environments, and of the genomes of each: the Dirichlet parameter; below 1 few dominate, far above 1 all are alike."""
    foreign: float = Field(0.0, ge=0, le=1)
    """Largest share of foreign reads; each sample has a share drawn evenly from 0 to this."""
    by_weight: bool = False
    """Take the weights of the table in place of drawn ones, and environments as they then stand."""
    seed: int = Field(1, ge=0)
    """Of everything drawn."""


class Mixture(NamedTuple):
    """A simulated sample."""

    reads: ReadBlock
    member: NDArray[np.int32]
    """int32 ``(N,)``: the genome of each read; foreign ones are numbered on from the collection's."""
    shares: NDArray[np.float64]
    """float64 ``(E + 1,)``: shares of the reads as drawn, unknown last."""
    drawn: Reads


@dataclass(frozen=True, eq=False)
class Mixer:
    """Draws samples.

    Parameters
    ----------
    collection, pool
        The genomes.
    foreign
        Genomes of no environment; None: there are none.
    profile
        What reads look like.
    used
        Numbers of the members that samples are made of; None: all.
    """

    collection: Collection
    pool: Pool
    foreign: Pool | None
    profile: ReadProfile
    used: tuple[int, ...] | None = None

    def mix(self, settings: MixtureSettings, number: int) -> Mixture:
        """Sample ``number`` of a simulation."""
        generator = np.random.default_rng([settings.seed, number])
        environment = np.array([m.environment for m in self.collection.members])
        members = np.arange(len(self.collection)) if self.used is None else np.array(self.used)
        weight = np.zeros(len(self.collection))
        if settings.by_weight:
            weight[members] = [self.collection.members[i].weight for i in members]
        else:
            there = np.unique(environment[members])
            for e, share in zip(there, generator.dirichlet(np.full(len(there), settings.evenness)), strict=True):
                own = members[environment[members] == e]
                weight[own] = share * generator.dirichlet(np.full(len(own), settings.evenness))
        share = float(generator.uniform(0, settings.foreign)) if self.foreign is not None else 0.0
        alien = int(generator.binomial(settings.reads, share))
        seed = int(generator.integers(0, 1 << 62))
        own = draw_members(weight, settings.reads - alien, seed=seed)
        drawn = [
            draw_reads(pool, who, profile=self.profile, seed=seed + shift)
            for pool, who, shift in self._parts(own, alien, seed)
        ]
        foreign = np.zeros(0, np.int32) if self.foreign is None else self._foreign(alien, seed)
        member = np.concatenate([own, foreign + len(self.collection)]).astype(np.int32)
        order = generator.permutation(settings.reads)
        reads = Reads(
            np.concatenate([x.codes for x in drawn])[order],
            np.concatenate([x.lengths for x in drawn])[order],
            np.concatenate([x.contig for x in drawn])[order],
            np.concatenate([x.start for x in drawn])[order],
            np.concatenate([x.reverse for x in drawn])[order],
        )
        counted = np.append(np.bincount(environment[own], minlength=len(self.collection.environments)), alien)
        return Mixture(ReadBlock.rectangle(reads.codes, reads.lengths), member[order], counted / settings.reads, reads)

    def _parts(self, own: NDArray[np.int32], alien: int, seed: int) -> list[tuple[Pool, NDArray[np.int32], int]]:
        parts = [(self.pool, own, 1)]
        if self.foreign is not None:
            parts.append((self.foreign, self._foreign(alien, seed), 2))
        return parts

    def _foreign(self, alien: int, seed: int) -> NDArray[np.int32]:
        assert self.foreign is not None
        return draw_members(np.ones(self.foreign.members), alien, seed=seed + 3)


def simulate_sources(
    table: str | Path,
    *,
    out: str | Path,
    settings: MixtureSettings | None = None,
    profile: ReadProfile | None = None,
    foreign: Sequence[str | Path] = (),
    force: bool = False,
    command: str = "",
    say: Callable[[str], None] = lambda _: None,
) -> Path:
    """Write samples of known composition.

    Parameters
    ----------
    table
        A collection of genomes.
    out
        Folder for ``sample-1.fastq.gz`` …, ``truth.tsv`` (``sample, source, proportion``) and ``samples.tsv``.
    foreign
        FASTA files of genomes of no environment.

    Raises
    ------
    InputError, UsageError, OutputError
        A file cannot be read; the table holds reads; the folder exists.
    """
    settings, profile = settings or MixtureSettings(), profile or ReadProfile()
    collection = read_collection(table)
    if collection.kind != "genomes":
        raise UsageError("samples are simulated from genomes, and this table names samples of reads", where=str(table))
    if settings.foreign and not foreign:
        raise UsageError(
            "a foreign share needs genomes of no environment", hint="name their FASTA with --foreign-genome"
        )
    with new_folder(out, mark=FACTS, what="a simulation of strandloom sources", force=force) as folder:
        pool = read_pool([m.file for m in collection.members], least=LEAST_CONTIG)
        alien = read_pool(list(foreign), least=LEAST_CONTIG) if foreign else None
        mixer = Mixer(collection, pool, alien, profile)
        names = [*(m.name for m in collection.members), *(Path(x).name.split(".")[0] for x in foreign)]
        truth: list[dict[str, Any]] = []
        for number in range(settings.samples):
            sample = f"sample-{number + 1}"
            mixture = mixer.mix(settings, number)
            _write_fastq(folder / f"{sample}.fastq.gz", mixture, names)
            for source, share in zip((*collection.environments, UNKNOWN), mixture.shares, strict=True):
                truth.append({"sample": sample, "source": source, "proportion": float(share)})
            say(f"{sample}: {settings.reads:,} reads")
        with TableWriter(folder / "truth.tsv") as writer:
            writer.write(pl.DataFrame(truth))
        with TableWriter(folder / "samples.tsv") as writer:
            files = [f"sample-{i + 1}" for i in range(settings.samples)]
            writer.write(pl.DataFrame({"sample": files, "file": [f"{x}.fastq.gz" for x in files]}))
        write_json(
            folder / FACTS,
            {
                "format": FORMAT, "strandloom": VERSION, "command": command, "settings": settings.model_dump(),
                "profile": profile.model_dump(), "foreign": [Path(x).name for x in foreign],
            },
        )  # fmt: skip
    return Path(out)


def _write_fastq(path: Path, mixture: Mixture, names: Sequence[str]) -> None:
    """A sample; the header of a read says what it is from: ``@r1 genome=… start=… strand=-``."""
    drawn = mixture.drawn
    with replacing(path, text=False) as handle, gzip.GzipFile("", "wb", 4, handle, mtime=0) as packed:
        for first in range(0, len(drawn.lengths), _RECORDS):
            rows = range(first, min(first + _RECORDS, len(drawn.lengths)))
            letters = DNA.decode_table[drawn.codes[rows.start : rows.stop]]
            lines = []
            for i in rows:
                n = int(drawn.lengths[i])
                place = f"contig={drawn.contig[i]} start={drawn.start[i]} strand={'-' if drawn.reverse[i] else '+'}"
                head = f"@r{i + 1} genome={names[mixture.member[i]]} {place}"
                lines.append(f"{head}\n{letters[i - first, :n].tobytes().decode()}\n+\n{_QUALITY * n}\n")
            packed.write("".join(lines).encode())
