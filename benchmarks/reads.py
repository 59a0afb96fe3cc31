"""FASTQ.gz and FASTA.gz to codes: strandloom beside its peers and the limit, isal decompression alone; time and memory.

Usage: python benchmarks/reads.py [--reads 2000000] [--repeats 5] [--long]

Peers: dnaio and pyfastx with bytes.translate, Biopython. One that is not installed is left out.
"""

from __future__ import annotations

import argparse
import gzip
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from functools import partial
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Literal

import numpy as np

from common import alternate, median, record
from strandloom.alphabet import DNA
from strandloom.io.read import read_blocks
from strandloom.training.runtime import tune_allocator

Format = Literal["fastq", "fasta"]
LENGTH = 100
BIOPYTHON_READS = 100_000
LIMIT, OURS, DNAIO, BIOPYTHON = "isal decompression alone", "strandloom", "dnaio + translate", "Biopython"
_WRITTEN_BASES = 5_000_000
_TRANSLATED = 10_000
_BLOCK = 4 << 20
_CHILD = """
import re, sys, time
from strandloom.io.read import read_blocks
started = time.perf_counter()
for _ in read_blocks(sys.argv[1], columns="none"):
    pass
seconds = time.perf_counter() - started
print(seconds, int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]) / 1024)
"""
"""VmHWM and not ru_maxrss, in which a child inherits the peak of its parent."""


def write_reads(path: Path, reads: int, length: int, *, format: Format = "fastq", level: int = 6) -> None:
    """Random reads with Illumina-like names and binned qualities."""
    rng = np.random.default_rng(0)
    form = b"@%s\n%s\n+\n%s\n" if format == "fastq" else b">%s\n%s\n"
    chunk = max(1, _WRITTEN_BASES // length)
    with gzip.open(path, "wb", compresslevel=level) as file:
        for first in range(0, reads, chunk):
            n = min(chunk, reads - first)
            bases = DNA.decode_table[rng.integers(0, 4, (n, length), dtype=np.uint8)]
            quality = np.frombuffer(b"#-:F", np.uint8)[rng.choice(4, (n, length), p=[0.02, 0.03, 0.1, 0.85])]
            names = rng.integers(1000, 30000, (n, 2)).tolist()
            rows = [
                (b"M04020:51:000000000-D2B0N:1:1101:%d:%d 1:N:0:73" % (x, y), b.tobytes(), q.tobytes())
                for (x, y), b, q in zip(names, bases, quality, strict=True)
            ]
            file.write(b"".join(form % (row if format == "fastq" else row[:2]) for row in rows))


def limit(path: Path) -> None:
    """Decompression alone."""
    from isal import igzip

    with igzip.open(path) as file:
        while file.read(_BLOCK):
            pass


def ours(path: Path, *, described: bool = False, named: bool = False) -> int:
    """Codes in blocks; descriptions where wanted, and ids as text where they are asked for."""
    bases = 0
    for block in read_blocks(path, columns="all" if described else "none"):
        bases += len(block.codes)
        if named:
            _ = block.ids
    return bases


def translated(sequences: Iterable[str]) -> int:
    """Codes of sequences, one translated buffer per 10,000; how many."""
    table, total = DNA.encode_table.tobytes(), 0
    source = iter(sequences)
    while rows := list(islice(source, _TRANSLATED)):
        total += len(np.frombuffer("".join(rows).encode().translate(table), np.uint8))
    return total


def with_dnaio(path: Path) -> int:
    """dnaio, which decompresses with isal; no ids."""
    import dnaio

    with dnaio.open(path) as reader:
        return translated(read.sequence for read in reader)


def with_pyfastx(path: Path) -> int:
    """pyfastx without an index."""
    import pyfastx

    return translated(read[1] for read in pyfastx.Fastx(str(path)))


def with_biopython(path: Path, format: Format) -> int:
    """Bio.SeqIO over the first reads."""
    from Bio import SeqIO

    with gzip.open(path, "rt") as file:
        return translated(str(read.seq) for read in islice(SeqIO.parse(file, format), BIOPYTHON_READS))


def speeds(format: Format, reads: int, repeats: int, folder: Path) -> None:
    """One table: every way in turn over one file."""
    path = folder / f"reads.{format}.gz"
    write_reads(path, reads, LENGTH, format=format)
    ways: dict[str, Callable[[Path], int | None]] = {
        LIMIT: limit,
        OURS: ours,
        f"{OURS}, ids as text": partial(ours, named=True),
        f"{OURS}, ids and descriptions": partial(ours, named=True, described=True),
    }
    packages = ["isal", "numba", "polars"]
    for name, module, package, way in (
        (DNAIO, "dnaio", "dnaio", with_dnaio),
        ("pyfastx + translate", "pyfastx", "pyfastx", with_pyfastx),
        (BIOPYTHON, "Bio", "biopython", partial(with_biopython, format=format)),
    ):
        if find_spec(module) is None:
            print(f"{package} is left out: pip install {package}", file=sys.stderr)
            continue
        ways[name] = way
        packages.append(package)

    def measured(name: str) -> float:
        """Seconds per read."""
        count = min(reads, BIOPYTHON_READS) if name == BIOPYTHON else reads
        started = time.perf_counter()
        bases = ways[name](path)
        taken = time.perf_counter() - started
        assert bases in (None, count * LENGTH)
        return taken / count

    found = {k: median(v) for k, v in alternate({k: partial(measured, k) for k in ways}, repeats=repeats).items()}

    def times(name: str, peer: str) -> float | str:
        return found[peer] / found[name] if peer in found else "-"

    record(
        f"reads-{format}",
        f"{format.upper()}.gz to codes: {reads:,} reads x {LENGTH} bp",
        [
            {
                "way": name,
                "reads/s": 1 / seconds,
                "share of the limit": found[LIMIT] / seconds,
                "x dnaio": times(name, DNAIO),
                "x Biopython": times(name, BIOPYTHON),
            }
            for name, seconds in found.items()
        ],
        packages=packages,
        note=f"median of {repeats}, in turn; Biopython on the first {BIOPYTHON_READS:,} reads",
    )


def memory(most: int, folder: Path) -> None:
    """Time and peak memory of a fresh process, by number of reads and by length."""
    sizes = [(10**k, LENGTH) for k in range(4, 8) if 10**k <= most] + [(100_000, 1_000), (10_000, 10_000)]
    rows = []
    for reads, length in sizes:
        path = folder / "size.fastq.gz"
        write_reads(path, reads, length, level=1)
        done = subprocess.run([sys.executable, "-c", _CHILD, path], check=True, capture_output=True, text=True)
        seconds, peak = map(float, done.stdout.split())
        rows.append({"reads": f"{reads:,}", "length": f"{length:,}", "seconds": seconds, "peak RSS, MiB": peak})
    record(
        "reads-memory",
        "FASTQ.gz to codes in a fresh process",
        rows,
        packages=["isal", "numba", "polars"],
        note="the compiled kernels (about 0.4 s and 120 MiB) are loaded after the first 16 MiB of text",
    )


def main() -> None:
    """Three tables: FASTQ.gz, FASTA.gz, memory."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reads", type=int, default=2_000_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--long", action="store_true", help="memory up to ten million reads")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        memory(10**7 if options.long else 10**6, Path(folder))
        tune_allocator()  # as training and prediction do; it helps every way
        kinds: tuple[Format, ...] = ("fastq", "fasta")
        for kind in kinds:
            speeds(kind, options.reads, options.repeats, Path(folder))


if __name__ == "__main__":
    main()
