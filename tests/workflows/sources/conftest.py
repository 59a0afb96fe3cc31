"""Made-up genomes: two genera of two species in each of three environments, with genes that relatives share."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from strandloom.workflows.sources.collection import Collection, read_collection
from strandloom.workflows.sources.settings import SourceTraining
from strandloom.workflows.sources.tables import genetic_code
from strandloom.workflows.sources.train import Trained, train_sources

ENVIRONMENTS = ("mouth", "gut", "skin")
SMALL = SourceTraining(members=1, reads_per_lineage=400, epochs=4, folds=2, table_bits=16)


def genome(generator: np.random.Generator, *, gc: float, bases: int = 20_000) -> np.ndarray:
    """Codes of a genome of open reading frames of 300 codons, uint8 ``(bases,)``."""
    codons = np.array([(a, b, c) for a in range(4) for b in range(4) for c in range(4)], np.uint8)
    stop = np.array([tuple(x) in {(3, 0, 0), (3, 0, 2), (3, 2, 0)} for x in codons.tolist()])
    weight = np.prod(np.where((codons == 1) | (codons == 2), gc, 1 - gc), axis=1) * ~stop
    drawn = generator.choice(64, bases // 3, p=weight / weight.sum())
    drawn[299::300] = 48  # TAA
    return codons[drawn].reshape(-1)


def relative(generator: np.random.Generator, codes: np.ndarray, *, share: float) -> np.ndarray:
    """A genome with the same proteins, of whose codons a share is written anew."""
    table = genetic_code()
    codons = codes.reshape(-1, 3).astype(np.int64) @ np.array([16, 4, 1])
    same = [np.flatnonzero(table == residue) for residue in table]
    anew = np.flatnonzero(generator.random(len(codons)) < share)
    codons[anew] = [generator.choice(same[c]) for c in codons[anew]]
    return np.stack([codons >> 4, (codons >> 2) & 3, codons & 3], 1).astype(np.uint8).reshape(-1)


def write_fasta(path: Path, codes: np.ndarray) -> None:
    text = "".join("ACGT"[x] for x in codes)
    path.write_bytes(gzip.compress(f">c1\n{text}\n".encode()))


@pytest.fixture(scope="session")
def genomes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``genomes.tsv`` with twelve genomes beside it, and ``foreign.fa.gz``."""
    folder = tmp_path_factory.mktemp("genomes")
    generator = np.random.default_rng(5)
    rows = ["environment\tgenome_id\tspecies"]
    for e, environment in enumerate(ENVIRONMENTS):
        for g in range(2):
            first = genome(generator, gc=0.45 + 0.05 * e)
            for s in range(2):
                name = f"{environment}{g}{s}"
                write_fasta(folder / f"{name}.fa.gz", first if s == 0 else relative(generator, first, share=0.8))
                rows.append(f"{environment}\t{name}\t{environment.title()}ella{g} species{s}")
    (folder / "genomes.tsv").write_text("\n".join(rows) + "\n")
    write_fasta(folder / "foreign.fa.gz", generator.integers(0, 4, 20_000).astype(np.uint8))
    return folder / "genomes.tsv"


@pytest.fixture(scope="session")
def collection(genomes: Path) -> Collection:
    return read_collection(genomes)


@pytest.fixture(scope="session")
def trained(genomes: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Trained]:
    """The bundle of a small model, and what training returned."""
    run = tmp_path_factory.mktemp("run") / "RUN"
    return run / "bundle", train_sources(genomes, out=run, settings=SMALL, threads=1)
