"""Sources of a count table: FEAST's example with ten sinks, ours beside the Gibbs sampler of PyPI's sourcetracker.

The peer gets the same sources, joined by environment, and its default priors, but fewer restarts than its default of ten.

Usage: python benchmarks/taxa.py [--sinks 10] [--restarts 2] [--passes 60]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from common import ROOT, median, record, timed
from strandloom.workflows.sources.taxa import read_taxa
from strandloom.workflows.sources.taxa_mixing import DEPTH, even_sources, mix_taxa

PEER = ROOT / "benchmarks" / ".sourcetracker"


def peer_python() -> Path:
    """The interpreter of the throw-away environment, made when missing."""
    python = PEER / "bin" / "python"
    if not python.exists():
        print(f"installing sourcetracker into {PEER}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", str(PEER)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", "sourcetracker==2.0.1"], check=True)
    return python


def main() -> None:
    """Measure, print and record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sinks", type=int, default=10)
    parser.add_argument("--restarts", type=int, default=2)
    parser.add_argument("--passes", type=int, default=60)
    asked = parser.parse_args()
    data = os.environ.get("STRANDLOOM_DATA")
    if not data:
        sys.exit("STRANDLOOM_DATA is unset")
    folder = Path(data) / "hmp_tables"
    table = read_taxa(folder / "feast_otu_multi.tsv.gz", folder / "feast_metadata_multi.tsv.gz")
    joined = even_sources(table.source_counts, table.environment, len(table.environments))
    sinks = table.sink_counts[: asked.sinks].astype(np.int64)
    ours: list[np.ndarray] = []

    def estimate() -> None:
        ours[:] = [mix_taxa(sink, joined).shares for sink in sinks]

    seconds = median([timed(estimate) for _ in range(5)])
    with tempfile.TemporaryDirectory() as home:
        given, out = Path(home) / "in.npz", Path(home) / "out.npz"
        generator = np.random.default_rng(1)  # its rarefaction: 1,000 reads of every environment and sink
        given_counts = {
            name: np.array([generator.multinomial(int(DEPTH), row / row.sum()) for row in values])
            for name, values in (("sources", joined), ("sinks", sinks))
        }
        np.savez(given, **given_counts)
        words = [str(given), str(out), str(asked.restarts), str(asked.passes)]
        subprocess.run([peer_python(), str(ROOT / "benchmarks" / "worker_sourcetracker.py"), *words], check=True)
        with np.load(out) as found:
            theirs, peer_seconds = found["shares"], float(found["seconds"])
    shares = np.array(ours)
    rarefied = np.array([mix_taxa(x, given_counts["sources"].astype(float)).shares for x in given_counts["sinks"]])
    rows = [
        {"way": "strandloom (expectation maximisation)", "s": seconds, "/ sourcetracker": peer_seconds / seconds},
        {
            "way": f"sourcetracker 2.0.1, {asked.restarts} restarts of {asked.passes} passes",
            "s": peer_seconds,
            "/ sourcetracker": 1.0,
        },
    ]
    same, apart = np.corrcoef(rarefied.ravel(), theirs.ravel())[0, 1], np.abs(rarefied - theirs).mean()
    whole = np.abs(shares - theirs).mean()
    note = (
        f"{len(sinks)} sinks, {len(table.sources)} sources in {len(table.environments)} environments, {sinks.shape[1]:,} taxa; shares "
        f"of the rarefied counts correlate at {same:.3f}, mean absolute difference {apart:.3f} (of all counts {whole:.3f})"
    )
    record("taxa", "Sources of a count table", rows, packages=("numpy",), note=note)


if __name__ == "__main__":
    main()
