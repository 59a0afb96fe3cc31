"""In-silico mutagenesis of the default network, beside tangermeme's on the same module in the same process.

tangermeme captures the network and computes only what changes (``fast``, its default) where it takes a job to last more than 30 s.
Here it may always do so, and what it says when it does not is printed. Both have as many threads as torch takes, and keep freed memory.

Usage: python benchmarks/mutagenesis.py [--sequences 200] [--repeats 3] [--kind residual]
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Callable
from functools import partial

import numpy as np
import tangermeme.saturation_mutagenesis as peer
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from common import median, record, timed
from strandloom.alphabet import DNA
from strandloom.explain.attribution import Output
from strandloom.explain.mutagenesis import mutation_map
from strandloom.explain.score import Explained
from strandloom.models.build import build
from strandloom.models.settings import MultiscaleSettings, ResidualSettings
from strandloom.training.runtime import tune_allocator

LENGTH, WARM_UP = 200, 2
KINDS = {"residual": ResidualSettings(), "multiscale": MultiscaleSettings()}
PEERS: dict[str, tuple[int, bool]] = {
    "tangermeme, defaults": (32, True),
    "tangermeme, batches of 256": (256, True),
    "tangermeme, batches of 256, fast=False": (256, False),
}
"""Rows of a batch, and whether it may compute only what changes."""

Scores = NDArray[np.float32]


class Column(nn.Module):
    """Scores ``(B,)`` as ``(B, 1)``."""

    def __init__(self, score: Explained) -> None:
        super().__init__()
        self.score = score

    def forward(self, x: Tensor) -> Tensor:
        """One-hot ``(B, 4, L)`` to ``(B, 1)``."""
        return self.score(x)[:, None]


def with_peer(model: nn.Module, codes: NDArray[np.uint8], *, batch_size: int, fast: bool) -> Scores:
    """Scores ``(N, 4, L)``, the mean of the bases at a position being 0."""
    x = torch.from_numpy(DNA.one_hot(codes)).to(torch.int8)
    found = peer.saturation_mutagenesis(
        model, x, batch_size=batch_size, fast=fast, hypothetical=True, device="cpu", target=0
    )
    return found.numpy()


def main() -> None:
    """Measure, compare, print and record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sequences", type=int, default=200)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--kind", choices=list(KINDS), default="residual")
    parser.add_argument("--dry", action="store_true", help="print only; record nothing")
    given = parser.parse_args()
    tune_allocator()
    peer._FAST_MIN_SECONDS = 0.0
    codes = np.random.default_rng(0).integers(0, 4, (given.sequences, LENGTH), dtype=np.uint8)
    score = Explained([build(KINDS[given.kind], channels=4, length=LENGTH, outputs=2)], Output(1, "label"))
    ways: dict[str, Callable[[NDArray[np.uint8]], Scores]] = {
        "strandloom": lambda rows: mutation_map(score, rows).scores
    }
    for name, (batch_size, fast) in PEERS.items():
        ways[name] = partial(with_peer, Column(score), batch_size=batch_size, fast=fast)
    results: dict[str, Scores] = {}

    def run(name: str, rows: NDArray[np.uint8]) -> None:
        results[name] = ways[name](rows)

    seconds: dict[str, list[float]] = {name: [] for name in ways}
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        for name in ways:
            run(name, codes[:WARM_UP])
        for number in range(given.repeats):
            for name in ways:
                seconds[name].append(timed(partial(run, name, codes)))
                print(
                    f"  round {number + 1} of {given.repeats}: {name} {seconds[name][-1]:.1f} s",
                    file=sys.stderr,
                    flush=True,
                )
    for text in dict.fromkeys(str(warning.message) for warning in said):
        print(text, file=sys.stderr)
    ours = median(seconds["strandloom"])
    rows = [
        {
            "way": name,
            "seconds": median(taken),
            "sequences/s": given.sequences / median(taken),
            "strandloom is faster by": median(taken) / ours,
            "greatest difference": float(np.abs(results[name] - results["strandloom"]).max()),
        }
        for name, taken in seconds.items()
    ]
    best = min(median(taken) for name, taken in seconds.items() if name in PEERS)
    note = (
        f"{given.repeats} alternating rounds (median), {torch.get_num_threads()} threads; "
        f"{best / ours:.2f} times as fast as tangermeme's best; "
        f"scores reach {np.abs(results['strandloom']).max():.3g}"
    )
    title = f"In-silico mutagenesis of {given.sequences:,} × {LENGTH} bp, {given.kind} network"
    if given.dry:
        print(title, note, *rows, sep="\n")
        return
    record(f"mutagenesis-{given.kind}", title, rows, packages=["torch", "numpy", "tangermeme"], note=note)


if __name__ == "__main__":
    main()
