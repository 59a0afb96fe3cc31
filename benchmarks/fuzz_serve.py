"""The service under made-up requests: schemathesis over its OpenAPI description, two untrained networks and a genome.

One check is left out for bodies: a schema cannot say which bytes are a file of sequences, or which texts a sequence.

Usage: python benchmarks/fuzz_serve.py [--examples 200] [--seed 1]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from serve import bundle
from strandloom.models.settings import MultiscaleSettings, ResidualSettings

MODELS = {"small": MultiscaleSettings(), "residual": ResidualSettings()}


def main() -> int:
    """Start the service and fuzz it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--examples", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        sources = [f"{name}={bundle(folder / name, model)}" for name, model in MODELS.items()]
        genome = folder / "genome.fa"
        genome.write_text(">chr1\n" + "".join(np.random.default_rng(1).choice(list("ACGT"), 5000)) + "\n")
        words = ["-m", "strandloom.cli.main", "serve", *sources, "--genome", str(genome), "--port", "0"]
        process = subprocess.Popen(
            [sys.executable, *words, "--set", "limits.requests_per_minute=0"],
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        assert process.stderr is not None
        line = next(x for x in process.stderr if x.startswith("listening"))
        log = subprocess.Popen(["cat"], stdin=process.stderr, stdout=subprocess.DEVNULL)
        try:
            address = f"http://127.0.0.1:{int(line.rsplit(':', 1)[1])}/openapi.json"
            tool = Path(sys.executable).parent / "schemathesis"
            return subprocess.run(
                [
                    str(tool) if tool.is_file() else "schemathesis", "run", address, "--max-examples", str(asked.examples), "--seed",
                    str(asked.seed), "--exclude-checks", "positive_data_acceptance",
                ],
                check=False,
                cwd=folder,
            ).returncode  # fmt: skip
        finally:
            process.terminate()
            process.wait(60)
            log.wait(60)


if __name__ == "__main__":
    sys.exit(main())
