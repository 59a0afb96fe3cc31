"""Splice sites against positional negatives (n3), where a weight matrix is at chance."""

from __future__ import annotations

from typing import Any

from common import record, run, show, table

SITES = {
    "Drosophila donor": ("dm.don", "dm.n3don", ".492 / .700 / .654"),
    "Drosophila acceptor": ("dm.acc", "dm.n3acc", ".487 / .734 / .657"),
}


def main() -> None:
    """Both sites, three seeds."""
    rows = []
    for name, (positive, negative, published) in SITES.items():
        raw: dict[str, Any] = {
            "data": {
                "table": [
                    {"path": f"splice42/{positive}.txt.gz", "set": {"label": "site"}},
                    {"path": f"splice42/{negative}.txt.gz", "set": {"label": "decoy"}},
                ],
                "target": "label",
                "strand": "one",
            },
            "split": {"kind": "homology", "seed": 1},
            "training": {"seed": 1},
        }
        found = run(f"splice42/{positive}", raw, seeds=3)
        over = found["seeds"]["model"]["accuracy"]
        linear = found["baselines"].get("position_logistic", {}).get("accuracy")
        rows.append(
            [
                name,
                f"**{over['mean']:.3f}** ± {over['standard_error']:.3f}",
                show(found["model"]["accuracy"]),
                show(found["baselines"]["kmer_logistic"]["accuracy"]),
                show(linear),
                published,
            ]
        )
    header = [
        "site",
        "accuracy, 3 seeds",
        "3 averaged (interval)",
        "k-mer logistic",
        "position k-mer logistic",
        "published PWM / Markov order 2 / 2-layer net",
    ]
    record("splice42", "Splice sites against positional negatives (splice42 n3)", table(header, rows))


if __name__ == "__main__":
    main()
