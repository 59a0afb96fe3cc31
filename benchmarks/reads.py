"""FASTQ.gz to codes: strandloom beside dnaio + bytes.translate and the limit, isal decompression alone; in one process.

Usage: python benchmarks/reads.py [--reads 2000000] [--length 100] [--repeats 3]
"""

from __future__ import annotations

import argparse
import gzip
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from common import median, record
from strandloom.alphabet import DNA
from strandloom.io.read import read_blocks
from strandloom.training.runtime import tune_allocator

_CHUNK = 50_000
_BLOCK = 4 << 20


def write_reads(path: Path, reads: int, length: int) -> None:
    """Random reads with Illumina-like names and binned qualities."""
    rng = np.random.default_rng(0)
    with gzip.open(path, "wb", compresslevel=6) as file:
        for first in range(0, reads, _CHUNK):
            n = min(_CHUNK, reads - first)
            bases = DNA.decode_table[rng.integers(0, 4, (n, length), dtype=np.uint8)]
            quality = np.frombuffer(b"#-:F", np.uint8)[rng.choice(4, (n, length), p=[0.02, 0.03, 0.1, 0.85])]
            names = rng.integers(1000, 30000, (n, 2))
            file.write(
                b"".join(
                    b"@M04020:51:000000000-D2B0N:1:1101:%d:%d 1:N:0:73\n%s\n+\n%s\n" % (x, y, b.tobytes(), q.tobytes())
                    for (x, y), b, q in zip(names.tolist(), bases, quality, strict=True)
                )
            )


def limit(path: Path) -> int:
    """Decompression alone."""
    from isal import igzip

    with igzip.open(path) as file:
        while file.read(_BLOCK):
            pass
    return 0


def ours(path: Path) -> int:
    """Codes, ids and descriptions, in blocks."""
    return sum(len(block.codes) for block in read_blocks(path))


def ours_ids(path: Path) -> int:
    """Codes and ids, in blocks."""
    return sum(len(block.codes) for block in read_blocks(path, columns="none"))


def peer(path: Path) -> int:
    """dnaio (which decompresses with isal) and one translated buffer per 10,000 reads; no ids."""
    import dnaio

    total, rows = 0, []
    table = DNA.encode_table.tobytes()
    with dnaio.open(path) as reader:
        for record in reader:
            rows.append(record.sequence)
            if len(rows) == 10_000:
                total += len(np.frombuffer("".join(rows).encode().translate(table), np.uint8))
                rows = []
    return total + sum(map(len, rows))


def main() -> None:
    """Measure the three in turn and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reads", type=int, default=2_000_000)
    parser.add_argument("--length", type=int, default=100)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    ways: dict[str, Callable[[Path], int]] = {
        "isal decompression alone": limit,
        "strandloom": ours,
        "strandloom, ids only": ours_ids,
        "dnaio + translate": peer,
    }
    tune_allocator()  # as training and prediction do; it helps every way
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    work: dict[str, list[float]] = {name: [] for name in ways}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "reads.fastq.gz"
        write_reads(path, options.reads, options.length)
        for way in ways.values():
            way(path)  # warm the page cache and the compiled kernels
        for _ in range(options.repeats):
            for name, way in ways.items():
                start, busy = time.perf_counter(), time.process_time()
                bases = way(path)
                work[name].append(time.process_time() - busy)
                seconds[name].append(time.perf_counter() - start)
                assert bases in (0, options.reads * options.length)
    base = median(seconds["isal decompression alone"])
    rows = [
        {
            "way": name,
            "reads/s": options.reads / median(times),
            "share of the limit": base / median(times),
            "CPU ns/read": median(work[name]) / options.reads * 1e9,
        }
        for name, times in seconds.items()
    ]
    title = f"FASTQ.gz to codes: {options.reads:,} reads x {options.length} bp"
    record(
        "reads",
        title,
        rows,
        packages=["isal", "dnaio", "numba", "polars"],
        note=f"median of {options.repeats}, in turn",
    )


if __name__ == "__main__":
    main()
