"""`predict` from FASTQ.gz to Parquet beside its engine alone, and its time and peak memory from 10^4 reads on.

The network is the published source-tracking one. Memory is measured in a process of its own for each number of reads, with a small
network, since memory does not depend on how long the network takes.

Usage: python benchmarks/predict.py [--reads 100000] [--repeats 5] [--long]   (--long adds 10^7 reads)
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from common import alternate, median, record
from published import NETWORKS
from reads import write_reads
from strandloom.alphabet import DNA
from strandloom.engines.catalog import torch_threads
from strandloom.experiment import check_experiment
from strandloom.io.read import read_blocks
from strandloom.predict import Predictor, load, predict_file
from strandloom.run import run_experiment
from strandloom.training.infer import logits

LENGTH = 80
SMALL = {
    "kind": "layers",
    "blocks": [
        {"block": "conv", "filters": 8, "width": 7},
        {"block": "activation", "function": "relu"},
        {"block": "global_pool"},
    ],
}
MEMORY = """
import json, sys, time
from pathlib import Path
from strandloom.predict import load, predict_file
predictor = load(sys.argv[1])
started = time.perf_counter()
predict_file(predictor, sys.argv[2], out=sys.argv[3])
peak = next(x for x in Path("/proc/self/status").read_text().splitlines() if x.startswith("VmHWM"))  # ru_maxrss holds a parent's
print(json.dumps([time.perf_counter() - started, int(peak.split()[1]) / 1024]))
"""


def make_bundle(folder: Path, name: str, model: dict[str, Any]) -> Path:
    """A bundle of a network trained for one epoch on random sequences of four classes."""
    rng = np.random.default_rng(0)
    letters = DNA.decode_table[rng.integers(0, 4, (600, LENGTH), dtype=np.uint8)]
    table = folder / f"{name}.csv"
    rows = [f"{row.tobytes().decode()},{'abcd'[i % 4]}" for i, row in enumerate(letters)]
    table.write_text("sequence,target\n" + "\n".join(rows) + "\n")
    experiment = check_experiment(
        {
            "data": {"table": str(table), "strand": "one"},
            "model": model,
            "training": {"epochs": 1},
            "evaluation": {"baselines": "none", "blend": "none"},
        }
    )
    run_experiment(experiment, out=folder / name, resolve=Path, command="benchmarks/predict.py")
    return folder / name / "bundle"


def end_to_end(predictor: Predictor, reads: Path, out: Path) -> float:
    """Seconds from the file of reads to the file of predictions."""
    started = time.perf_counter()
    predict_file(predictor, reads, out=out)
    return time.perf_counter() - started


def alone(predictor: Predictor, blocks: list[Any]) -> float:
    """Seconds of the network over codes that are in memory."""
    engine = predictor.engine
    with torch_threads(engine.name if engine else None, predictor.runtime.threads):
        started = time.perf_counter()
        for codes in blocks:
            logits(predictor.modules[0], codes, batch_size=engine.batch_size if engine else None)
        return time.perf_counter() - started


def compare(folder: Path, *, reads: int, repeats: int) -> None:
    """End to end beside the engine alone."""
    bundle = make_bundle(folder, "source", NETWORKS["source"].model)
    subprocess.run(
        [sys.executable, "-m", "strandloom.cli.main", "export", str(bundle), "--onnx", "--openvino"],
        check=False, stdout=sys.stderr,
    )  # fmt: skip
    path = folder / "reads.fastq.gz"
    write_reads(path, reads, LENGTH)
    names = ["torch", *(engine.name for engine in load(bundle).manifest.engines)]
    predictors = {name: load(bundle, engine=name) for name in names}
    blocks = [predictors["torch"].window.place(block)[0] for block in read_blocks(path, columns="none")]
    ways = {}
    for name, predictor in predictors.items():
        ways[f"{name} alone"] = partial(alone, predictor, blocks)
        ways[f"{name} end to end"] = partial(end_to_end, predictor, path, folder / "out.parquet")
    seconds = {way: median(values) for way, values in alternate(ways, repeats=repeats).items()}
    rows = [
        {
            "engine": name,
            "alone, reads/s": reads / seconds[f"{name} alone"],
            "end to end, reads/s": reads / seconds[f"{name} end to end"],
            "ratio of times": seconds[f"{name} end to end"] / seconds[f"{name} alone"],
        }
        for name in names
    ]
    record(
        "predict",
        f"predict, FASTQ.gz to Parquet: {reads:,} reads x {LENGTH} bp, source-tracking network",
        rows,
        packages=["torch", "polars"],
        note=f"medians of {repeats} alternating rounds",
    )


def memory(folder: Path, *, most: int) -> None:
    """Time and peak memory for rising numbers of reads."""
    bundle = make_bundle(folder, "small", SMALL)
    rows = []
    reads = 10_000
    while reads <= most:
        path = folder / f"{reads}.fastq.gz"
        write_reads(path, reads, LENGTH)
        done = subprocess.run(
            [sys.executable, "-c", MEMORY, str(bundle), str(path), str(folder / "out.parquet")],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
        seconds, peak = json.loads(done.stdout)
        print(f"  {reads:,} reads: {seconds:.1f} s, {peak:.0f} MiB", file=sys.stderr)
        rows.append({"reads": f"{reads:,}", "seconds": seconds, "peak RSS, MiB": peak})
        path.unlink()
        reads *= 10
    record("memory", "predict, small network: time and peak memory", rows, packages=["torch", "polars"])


def main() -> None:
    """Measure, print and record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reads", type=int, default=100_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--long", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        compare(Path(name), reads=given.reads, repeats=given.repeats)
        memory(Path(name), most=10_000_000 if given.long else 1_000_000)


if __name__ == "__main__":
    main()
