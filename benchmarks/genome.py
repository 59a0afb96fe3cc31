"""Windows of a genome: our memory map beside pysam, on one core; and memory from 10,000 to 1,000,000 windows.

The genome is drawn (12 Mb in 16 contigs, as of yeast), or is STRANDLOOM_DATA/yeast_epigenome's.

Usage: python benchmarks/genome.py [--windows 100000] [--repeats 5]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from common import alternate, median, record, timed
from strandloom.io.genome import Genome, open_genome

LENGTH = 1000
BLOCK = 16_384
PEAK = """
import re, sys
from pathlib import Path
import numpy as np
from strandloom.io.genome import open_genome
genome = open_genome(sys.argv[1], cache=sys.argv[2])
count = int(sys.argv[3])
generator = np.random.default_rng(1)
for at in range(0, count, 16_384):
    n = min(16_384, count - at)
    contig = generator.integers(0, len(genome.contigs), n)
    start = (generator.random(n) * genome.sizes[contig]).astype(np.int64) - 500
    genome.windows(contig, start, length=1000)
print(int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) // 1024)
"""


def drawn(path: Path) -> Path:
    """A FASTA of 16 contigs."""
    generator = np.random.default_rng(1)
    letters = np.frombuffer(b"ACGT", np.uint8)
    with path.open("wb") as handle:
        for number in range(16):
            handle.write(f">c{number}\n".encode())
            handle.write(letters[generator.integers(0, 4, 750_000)].tobytes() + b"\n")
    return path


def places(genome: Genome, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Contigs, starts and strands of windows that lie inside."""
    generator = np.random.default_rng(2)
    contig = generator.integers(0, len(genome.contigs), count)
    start = (generator.random(count) * (genome.sizes[contig] - LENGTH)).astype(np.int64)
    return contig, start, generator.random(count) < 0.5


def main() -> None:
    """Measure, print and record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--windows", type=int, default=100_000)
    parser.add_argument("--repeats", type=int, default=5)
    asked = parser.parse_args()
    import pysam

    data = os.environ.get("STRANDLOOM_DATA")
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home)
        fasta = folder / "g.fa"
        if data:
            import gzip

            fasta.write_bytes(gzip.decompress((Path(data) / "yeast_epigenome/S_cerevisiae.R64-1-1.fa.gz").read_bytes()))
        else:
            drawn(fasta)
        genome = open_genome(fasta, cache=folder / "map")
        contig, start, minus = places(genome, asked.windows)
        names = [genome.contigs[c].name for c in contig]
        peer = pysam.FastaFile(str(fasta))
        few = min(asked.windows, 20_000)
        table = np.frombuffer(bytes.maketrans(b"ACGT", b"\0\1\2\3"), np.uint8)

        def ours() -> float:
            def all_of_them() -> None:
                for at in range(0, asked.windows, BLOCK):
                    rows = slice(at, at + BLOCK)
                    genome.windows(contig[rows], start[rows], length=LENGTH, minus=minus[rows])

            return asked.windows / timed(all_of_them)

        def theirs() -> float:
            def some() -> None:
                out = np.empty((few, LENGTH), np.uint8)
                for i in range(few):
                    text = peer.fetch(names[i], int(start[i]), int(start[i]) + LENGTH)
                    out[i] = table[np.frombuffer(text.encode(), np.uint8)]

            return few / timed(some)

        ways = {"strandloom, both strands": ours, "pysam fetch and a table, one strand": theirs}
        speeds = {name: median(found) for name, found in alternate(ways, repeats=asked.repeats).items()}
        base = speeds["pysam fetch and a table, one strand"]
        rows = [
            {"way": name, "windows/s": value, "Mb/s": value * LENGTH / 1e6, "/ pysam": value / base}
            for name, value in speeds.items()
        ]
        peaks = [
            int(subprocess.run([sys.executable, "-c", PEAK, fasta, folder / "map", str(count)],
                               check=True, capture_output=True, text=True).stdout)
            for count in (10_000, 1_000_000)
        ]  # fmt: skip
    note = f"windows of {LENGTH:,} bases, one thread; peak memory {peaks[0]} MiB at 10,000 windows, {peaks[1]} at 1,000,000"
    record("genome", "Windows of a genome", rows, packages=("numpy", "numba", "pysam"), note=note)


if __name__ == "__main__":
    main()
