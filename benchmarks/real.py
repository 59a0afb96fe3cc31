"""Real data for the published networks, small enough to train each of them many times; all of it is seeded.

``source``: 80-base reads of either strand from ``source_genomes``, the four environments balanced, and so the genomes within
each. Test reads come from the last tenth of every genome (by position, contigs as they stand in the file), validation reads
from the tenth before, training reads from the rest. *C. acnes* lineage 5b is left out: it repeats lineage 1a in another order.

``multiscale``: Arabidopsis promoters without TATA box and gene fragments (``cnnprom``), the central 200 of 251 bases, split as
in the table (random, without duplicates). ``utr``: mean ribosome load of the 50-base UTRs of ``human_utr_mrl``, padded to 70,
standardised by the training rows, split by cluster as in the table. ``danq``: 1,000 bases around the 200-base bins of
``yeast_epigenome``, 120 proteins, split by chromosome as in the table.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray

from strandloom.alphabet import DNA
from strandloom.io.read import read_records
from strandloom.io.records import Records
from strandloom.io.settings import LetterPolicy
from strandloom.training.arrays import Arrays

SEED = 1
SOURCE_ROWS = {"train": 40_000, "valid": 4_000, "test": 8_000}
SOURCE_PLACES = {"train": (0.0, 0.8), "valid": (0.8, 0.9), "test": (0.9, 1.0)}
REPEATED_GENOME = "cacnes_5b"
UTR_ROWS, DANQ_ROWS = 20_000, 4_000
"""Training rows; of the other parts all rows are taken."""


class Parts(NamedTuple):
    """The rows to train on, to pick the best epoch by, and to judge once."""

    train: Arrays
    validation: Arrays
    test: Arrays


def load(name: str) -> Parts:
    """The data of a network of ``published.py``, from the folder that STRANDLOOM_DATA names."""
    if not os.environ.get("STRANDLOOM_DATA"):
        sys.exit("set STRANDLOOM_DATA to the folder of real data")
    loaders: dict[str, Callable[[Path], Parts]] = {
        "source": _source, "multiscale": _multiscale, "utr": _utr, "danq": _danq,
    }  # fmt: skip
    return loaders[name](Path(os.environ["STRANDLOOM_DATA"]))


def _arrays(codes: NDArray[np.uint8], targets: NDArray[np.generic]) -> Arrays:
    """Tensors of codes uint8 (N, L) and targets (N,) or (N, K)."""
    lengths = (codes != DNA.pad).sum(axis=1, dtype=np.int32)
    kept = targets.astype(np.int64 if targets.ndim == 1 else np.float32)
    return Arrays(torch.from_numpy(np.ascontiguousarray(codes)), torch.from_numpy(lengths), torch.from_numpy(kept))


def _by_split(codes: NDArray[np.uint8], targets: NDArray[np.generic], split: pl.Series, *, rows: int) -> Parts:
    """Parts by a column of ``train``, ``valid`` and ``test``; at most so many training rows, drawn with the seed."""
    places = {part: np.flatnonzero((split == part).to_numpy()) for part in ("train", "valid", "test")}
    places["train"] = np.random.default_rng(SEED).permutation(places["train"])[:rows]
    return Parts(*(_arrays(codes[at], targets[at]) for at in places.values()))


def _source(folder: Path) -> Parts:
    table = pl.read_csv(folder / "source_genomes" / "genomes.tsv", separator="\t")
    table = table.filter(pl.col("genome_id") != REPEATED_GENOME)
    rng = np.random.default_rng(SEED)
    reads: dict[str, list[NDArray[np.uint8]]] = {part: [] for part in SOURCE_ROWS}
    targets: dict[str, list[NDArray[np.int64]]] = {part: [] for part in SOURCE_ROWS}
    for number, name in enumerate(("oral", "gut", "skin", "vagina")):
        genomes = table.filter(pl.col("environment") == name)["genome_id"].to_list()
        for genome in genomes:
            records = read_records(folder / "source_genomes" / f"{genome}.fa.gz", columns="none")
            for part, rows in SOURCE_ROWS.items():
                count = rows // 4 // len(genomes)
                reads[part].append(_reads(records, SOURCE_PLACES[part], count=count, length=80, rng=rng))
                targets[part].append(np.full(count, number))
    return Parts(*(_arrays(np.concatenate(reads[part]), np.concatenate(targets[part])) for part in SOURCE_ROWS))


def _reads(
    records: Records, place: tuple[float, float], *, count: int, length: int, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Reads uint8 (count, length) of either strand, each within one contig, without N, from a share of a genome."""
    low, high = (int(share * len(records.codes)) for share in place)
    starts = rng.integers(low, high - length, 3 * count)
    codes = records.codes[starts[:, None] + np.arange(length)]  # (3 count, length)
    contig, last = (np.searchsorted(records.offsets, at, side="right") for at in (starts, starts + length - 1))
    codes = codes[(codes < 4).all(axis=1) & (contig == last)][:count]
    assert len(codes) == count
    turned = rng.random(count) < 0.5
    codes[turned] = DNA.reverse_complement(codes[turned])
    return codes


def _multiscale(folder: Path) -> Parts:
    path = folder / "cnnprom" / "arabidopsis_nontata.tsv.gz"
    records = read_records(path, sequence="sequence", policy=LetterPolicy(n="skip", ambiguous="skip"))
    codes = records.codes.reshape(len(records), 251)[:, 25:225]
    columns = records.columns
    return _by_split(codes, columns["label"].cast(pl.Int64).to_numpy(), columns["split"], rows=len(records))


def _utr(folder: Path) -> Parts:
    records = read_records(folder / "human_utr_mrl" / "utr_mrl.tsv.gz", sequence="sequence")
    records = records.take(records.columns["library"].is_in(["random50", "human50"]).to_numpy())
    codes = np.pad(records.codes.reshape(len(records), 50), ((0, 0), (0, 20)), constant_values=DNA.pad)
    split = records.columns["split"]
    measured = records.columns["rl"].cast(pl.Float64).to_numpy()
    known = measured[(split == "train").to_numpy()]
    return _by_split(codes, ((measured - known.mean()) / known.std())[:, None], split, rows=UTR_ROWS)


def _danq(folder: Path) -> Parts:
    folder = folder / "yeast_epigenome"
    genome = read_records(folder / "S_cerevisiae.R64-1-1.fa.gz", columns="none")
    table = pl.read_csv(folder / "multilabel_bins.tsv.gz", separator="\t", schema_overrides={"chrom": pl.String})
    names = (folder / "multilabel_names.txt").read_text().split()
    flank = np.full(500, DNA.pad)
    padded = {
        name: np.concatenate([flank, genome.codes[start:stop], flank]).astype(np.uint8)
        for name, start, stop in zip(genome.ids, genome.offsets[:-1], genome.offsets[1:], strict=True)
    }
    codes = np.stack([padded[chrom][start + 100 :][:1000] for chrom, start in table.select("chrom", "start").rows()])
    labels = table["labels"].str.split(",")
    targets = np.stack([labels.list.contains(name).to_numpy() for name in names], axis=1)  # (N, 120)
    return _by_split(codes, targets, table["split"], rows=DANQ_ROWS)
