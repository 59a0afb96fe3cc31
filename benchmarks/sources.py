"""Source tracking: a FASTQ.gz on disk to the composition of its sample; the published network through its engines beside Keras.

The reads are drawn from the genomes of STRANDLOOM_DATA/source_genomes. Peak memory is measured in processes of their own.

Usage: python benchmarks/sources.py [--reads 1000000] [--repeats 5] [--published]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from common import alternate, median, record
from strandloom.training.runtime import apply, choose_runtime
from strandloom.workflows.sources.estimate import estimate_sample
from strandloom.workflows.sources.reads import SampleFiles
from strandloom.workflows.sources.settings import EstimateSettings, ReadSettings, SourceTraining
from strandloom.workflows.sources.simulate import MixtureSettings, simulate_sources
from strandloom.workflows.sources.store import load_model
from strandloom.workflows.sources.train import train_sources

PEAK = """
import re, sys
from pathlib import Path
from strandloom.workflows.sources.estimate import estimate_sample
from strandloom.workflows.sources.reads import SampleFiles
from strandloom.workflows.sources.settings import EstimateSettings, ReadSettings
from strandloom.workflows.sources.store import load_model
loaded = load_model(sys.argv[1])
sample = SampleFiles("x", Path(sys.argv[2]))
estimate_sample(sample, loaded.model, loaded.calibration, settings=EstimateSettings(), reads=ReadSettings(), threads=2)
print(int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) // 1024)
"""


def main() -> None:
    """Measure, print and record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reads", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument(
        "--published", action="store_true", help="Train the published network too (some minutes) and time its engines."
    )
    asked = parser.parse_args()
    data = os.environ.get("STRANDLOOM_DATA")
    if not data:
        sys.exit("STRANDLOOM_DATA is unset")
    table = Path(data) / "source_genomes" / "genomes.tsv"
    threads = apply(choose_runtime("cpu", precision="fp32", parameters=0)).threads
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home)
        started = time.perf_counter()
        train_sources(table, out=folder / "lean", judge=False, threads=threads)
        training = time.perf_counter() - started
        sizes = {"small": asked.reads // 10, "whole": asked.reads, "large": 2 * asked.reads}
        for name, count in sizes.items():
            simulate_sources(table, out=folder / name, settings=MixtureSettings(samples=1, reads=count))
        ways: dict[str, Any] = {}

        def way(bundle: Path, reads: str, count: int, engine: str = "torch") -> Any:
            loaded = load_model(bundle, engine=engine, threads=threads)
            files = SampleFiles(reads, folder / reads / "sample-1.fastq.gz")

            def run() -> float:
                begun = time.perf_counter()
                estimate_sample(
                    files,
                    loaded.model,
                    loaded.calibration,
                    settings=EstimateSettings(),
                    reads=ReadSettings(),
                    threads=threads,
                )
                return count / (time.perf_counter() - begun)

            return run

        ways["lean"] = way(folder / "lean" / "bundle", "whole", asked.reads)
        if asked.published:
            from workers import fastest_keras

            train_sources(table, out=folder / "cnn", settings=SourceTraining(model="published"), threads=threads)
            engines = ("--onnx", "--openvino")
            command = [
                sys.executable,
                "-m",
                "strandloom.cli.main",
                "export",
                folder / "cnn" / "bundle",
                *engines,
                "--rows",
                folder / "cnn" / "check.tsv",
            ]
            subprocess.run(command, check=True)
            from strandloom.bundle import read_bundle

            for engine in ("torch", *(x.name for x in read_bundle(folder / "cnn" / "bundle").manifest.engines)):
                ways[f"published, {engine}"] = way(folder / "cnn" / "bundle", "small", asked.reads // 10, engine)
            worker = fastest_keras("predict", "source", "fp32")
            ways["Keras predict, the published network alone"] = lambda: worker.ask("predict", "source", "fp32")
        speeds = {name: median(found) for name, found in alternate(ways, repeats=asked.repeats).items()}
        base = speeds.get("Keras predict, the published network alone")
        rows = [
            {
                "way": name,
                "reads/s": value,
                "million reads/min": value * 60 / 1e6,
                "/ Keras": value / base if base else "",
            }
            for name, value in speeds.items()
        ]
        peaks = [
            int(subprocess.run([sys.executable, "-c", PEAK, folder / "lean" / "bundle", folder / name / "sample-1.fastq.gz"],
                               check=True, capture_output=True, text=True).stdout)
            for name in ("small", "large")
        ]  # fmt: skip
        note = f"training the lean model on 26 genomes {training:.0f} s; peak memory {peaks[0]} MiB at {sizes['small']:,} reads, "
        note += f"{peaks[1]} MiB at {sizes['large']:,}"
    record("sources", "Source tracking: FASTQ.gz to composition", rows, packages=("torch", "numpy", "numba"), note=note)


if __name__ == "__main__":
    main()
