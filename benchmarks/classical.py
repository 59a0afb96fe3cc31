"""What surrounds the networks, beside scikit-learn: k-mer counts, and bootstrap intervals of ranking metrics.

Usage: python benchmarks/classical.py [--repeats 5]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.metrics import average_precision_score, roc_auc_score

from common import alternate, median, record, timed
from strandloom.alphabet import DNA
from strandloom.evaluation.bootstrap import bootstrap, resample_counts
from strandloom.evaluation.metrics import ClassScorer
from strandloom.kmers import kmer_counts

SEQUENCES, LENGTH, K = 20_000, 200, 6
ROWS, RESAMPLES, PEER_RESAMPLES = 2_000, 1_000, 50


def count_with_sklearn(sequences: list[str]) -> None:
    """Counts of all k-mers, a sparse row for each sequence."""
    CountVectorizer(analyzer="char", ngram_range=(K, K), lowercase=False).fit_transform(sequences)


def bootstrap_with_sklearn(y: NDArray[np.int64], scores: NDArray[np.float64]) -> None:
    """AUROC and average precision of weighted resamples, one by one."""
    for counts in resample_counts(len(y), resamples=PEER_RESAMPLES, seed=1):
        for weights in counts.T:
            roc_auc_score(y, scores, sample_weight=weights)
            average_precision_score(y, scores, sample_weight=weights)


def main() -> None:
    """Measure, print and record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args()
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 4, (SEQUENCES, LENGTH), dtype=np.uint8)
    texts = [row.tobytes().decode() for row in DNA.decode_table[codes]]
    y = rng.integers(0, 2, ROWS)
    scores = np.clip(rng.normal(0.4 + 0.2 * y, 0.2), 0.01, 0.99)
    probabilities = np.column_stack([1 - scores, scores])
    ways: dict[str, tuple[Callable[[], object], int]] = {
        "counts strandloom": (partial(kmer_counts, codes, K), SEQUENCES),
        "counts scikit-learn": (partial(count_with_sklearn, texts), SEQUENCES),
        "resamples strandloom": (
            lambda: bootstrap({"model": ClassScorer(probabilities, y)}, resamples=RESAMPLES),
            RESAMPLES,
        ),
        "resamples scikit-learn": (partial(bootstrap_with_sklearn, y, scores), PEER_RESAMPLES),
    }
    found = alternate({name: partial(timed, work) for name, (work, _) in ways.items()}, repeats=given.repeats)
    rates = {name: ways[name][1] / median(seconds) for name, seconds in found.items()}
    rows = [
        {
            "what": title,
            "strandloom, /s": rates[f"{key} strandloom"],
            "scikit-learn, /s": rates[f"{key} scikit-learn"],
            "ratio": rates[f"{key} strandloom"] / rates[f"{key} scikit-learn"],
        }
        for key, title in (
            ("counts", f"{K}-mer counts, sequences of {LENGTH} bases"),
            (
                "resamples",
                f"bootstrap resamples of {ROWS:,} rows: all metrics of a class task (scikit-learn: two of them)",
            ),
        )
    ]
    note = f"medians of {given.repeats} alternating rounds; strandloom starts from codes, scikit-learn from strings"
    record("classical", "k-mers and bootstrap beside scikit-learn", rows, packages=["numpy", "scikit-learn"], note=note)


if __name__ == "__main__":
    main()
