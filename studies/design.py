"""Design of yeast 5'UTRs from the published starting sequences, judged by networks of other rows.

Two models learn from halves of the native library that share no cluster (three seeds each): one designs, the other judges. The published
trajectories (Cuperus et al. 2017, greedy steps by a network of the random library) start from the same sequences.

Usage: python studies/design.py [--starts 163] [--rounds 40] [--ways "greedy, trusted;genetic, trusted"]
"""

from __future__ import annotations

import argparse
import json
import shutil
from typing import Any

import numpy as np
import polars as pl

from common import RUNS, data_folder, record, run, table
from strandloom.design.settings import DesignSettings
from strandloom.predict import load
from strandloom.run.design import design_bundle
from strandloom.settings_file import check_settings

SEEDS = 3
FOLDER = RUNS / "design"
ROUNDS = (0, 1, 5, 10, 20)
QUICK = {"method": "greedy", "rounds": 40, "screen": 24}
WAYS: dict[str, dict[str, Any]] = {
    "greedy": {"method": "greedy", "rounds": 40},
    "greedy, trusted": {**QUICK, "trust": {"limit": True}},
    "greedy, 24 of each screened": QUICK,
    "beam of 3, trusted": {**QUICK, "method": "beam", "beam": 3, "trust": {"limit": True}},
    "genetic, trusted": {"method": "genetic", "rounds": 40, "trust": {"limit": True}},
    "annealing, trusted": {"method": "annealing", "rounds": 20, "population": 20, "trust": {"limit": True}},
    "gradient, trusted": {"method": "gradient", "rounds": 20, "population": 20, "trust": {"limit": True}},
    "greedy, trusted, at most 10 edits": {**QUICK, "trust": {"limit": True}, "rules": {"max_edits": 10}},
    "greedy, trusted, no upstream ATG": {
        **QUICK, "trust": {"limit": True}, "rules": {"start_codons": "forbid"}, "broken_starts": "repair",
    },
}  # fmt: skip


def halves() -> tuple[str, str]:
    """The library with a column of parts for each half: clusters are in one half or the other."""
    source = pl.read_csv(data_folder() / "yeast_native_utr/native_utr.tsv.gz", separator="\t")
    clusters = source["cluster"].unique().sort().to_numpy()
    half = dict(zip(clusters.tolist(), np.random.default_rng(1).permutation(len(clusters)) % 2, strict=True))
    own = np.array([half[c] for c in source["cluster"].to_list()])
    paths = []
    FOLDER.mkdir(parents=True, exist_ok=True)
    for number in (0, 1):
        path = FOLDER / f"half{number}.tsv"
        kept = (own == number) | (source["split"] == "test").to_numpy()
        source.filter(pl.Series(kept)).write_csv(path, separator="\t")
        paths.append(str(path))
    return paths[0], paths[1]


def model(name: str, path: str) -> dict[str, Any]:
    """A model of one half; the library's test rows are the test part of both."""
    return run(
        f"design/{name}",
        {
            "data": {
                "table": path, "target": "growth_rate", "counts": ["t0", "t1"], "strand": "one",
                "window": {"length": 50, "anchor": "right"},
            },
            "task": "value", "split": {"kind": "column"}, "training": {"augmentation": {"shift": 0}},
            "evaluation": {"strata": {"column": "t0", "edges": [101]}},
        },
        seeds=SEEDS,
    )  # fmt: skip


def main() -> None:
    """Train both models, design in every way, and write the section."""
    parser = argparse.ArgumentParser()
    parser.add_argument(
        "--starts", type=int, default=163, help="starts of both kinds, spread evenly over the published ones"
    )
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument(
        "--ways", default=";".join(WAYS), help="those to try, separated by semicolons; the first two always"
    )
    asked = parser.parse_args()
    first, second = halves()
    designer, judge = model("designer", first), model("judge", second)
    published = pl.read_csv(data_folder() / "yeast_native_utr/evolved_designs.tsv.gz", separator="\t")
    begun = published.filter(pl.col("round") == 0).with_columns(
        (pl.col("origin") + "-" + pl.col("start_id").cast(pl.String)).alias("id")
    )
    begun = begun[np.unique(np.linspace(0, len(begun) - 1, asked.starts).round().astype(int))]
    published = published.join(begun.select("origin", "start_id"), on=["origin", "start_id"])
    starts = FOLDER / "starts.fa"
    starts.write_text("".join(f">{i}\n{s}\n" for i, s in begun.select("id", "sequence").iter_rows()))
    bundles = {name: RUNS / "design" / name / "bundle" for name in ("designer", "judge")}
    lines, curves = [], {}
    for title, raw in WAYS.items():
        if title not in asked.ways.split(";") and title not in list(WAYS)[:2]:
            continue
        out = FOLDER / title.replace(", ", "-").replace(" ", "_")
        if not (out / "design.json").is_file():
            shutil.rmtree(out, ignore_errors=True)
            settings = check_settings(
                DesignSettings, {**raw, "rounds": min(raw["rounds"], asked.rounds)}, where="study"
            )
            design_bundle(
                bundles["designer"], out=out, starts=starts, settings=settings, judge=bundles["judge"], say=print
            )
        facts = json.loads((out / "design.json").read_text())
        one = facts["outputs"][0]
        finals = pl.read_csv(out / "designs.tsv", separator="\t")
        steps = pl.read_csv(out / "steps.tsv", separator="\t")
        gain, judged = one["design"] - one["start"], one["judge"] - one["judge_start"]
        lines.append(
            [
                title, f"{one['start']:.2f} → {one['design']:.2f}", f"{one['judge_start']:.2f} → {one['judge']:.2f}",
                f"{judged:+.2f} of {gain:+.2f} ({judged / gain:.0%})", f"{facts['trusted']} of {facts['designs']}",
                f"{float(finals['sd'].mean()):.3f}",  # type: ignore[arg-type]
                f"{facts['without_atg'] / facts['designs']:.0%}", f"{facts['edits']:.1f}",
            ]
        )  # fmt: skip
        curves[title] = by_round(steps)
        print(title, lines[-1], flush=True)
    predictors = {name: load(path) for name, path in bundles.items()}
    rows = []
    for number in ROUNDS:
        part = last_of(published, number)
        said = {name: p.predict(part["sequence"].to_list())["growth_rate"].to_numpy() for name, p in predictors.items()}
        rows.append(
            [
                str(number), f"{float(part['predicted_growth'].mean()):.2f}",  # type: ignore[arg-type]
                f"{said['designer'].mean():.2f}", f"{said['judge'].mean():.2f}",
                *(f"{curves[name][number]:.2f}" for name in ("greedy", "greedy, trusted")),
                f"{np.mean(['ATG' not in s for s in part['sequence'].to_list()]):.0%}",
            ]
        )  # fmt: skip
    accuracy = {
        name: next(s for s in found["values"]["strata"] if s["label"] == "t0 ≥ 101")["model"]["pearson_squared"][
            "value"
        ]
        for name, found in (("designer", designer), ("judge", judge))
    }
    region = facts["region"]
    kinds = ", ".join(f"{number} {kind}" for kind, number in begun["origin"].value_counts().sort("origin").rows())
    head = [
        "way", "designer's prediction, mean of starts → designs", "judge's", "judge's gain of the designer's", "trusted",
        "mean sd over networks", "without ATG", "edits",
    ]  # fmt: skip
    body = (
        f"{len(begun)} of 163 published starts ({kinds}; at most {asked.rounds} rounds), `yeast_native_utr`. "
        f"The designer and the judge learned from halves of the library that "
        f"share no cluster; Pearson² on the test rows with t0 > 100: {accuracy['designer']:.2f} and {accuracy['judge']:.2f}. "
        "Growth is a natural log ratio; the highest in the designer's training rows is "
        f"{region['measured'][1][0]:.2f}. Trusted: networks disagree by at most {region['disagreement'][0]:.2f}, similarity to training at "
        f"least {region['similarity']:.2f}, values that were measured.\n\n{table(head, lines)}\n\n"
        "Beside the published trajectories, mean over the same starts by round (a trajectory that ended counts with its last sequence); "
        "the last columns are greedy designs of ours, by our own prediction:\n\n"
        + table(
            [
                "round",
                "published: its network's prediction",
                "published designs by our designer",
                "by our judge",
                "greedy",
                "greedy, trusted",
                "published designs without ATG",
            ],
            rows,
        )
    )
    record("design", "Design: yeast 5'UTRs from the published starts", body)


def by_round(steps: pl.DataFrame) -> dict[int, float]:
    """Mean prediction over starts after so many rounds."""
    return {
        number: float(
            steps.filter(pl.col("round") <= number).sort("round").group_by("id").last()["predicted"].mean()  # type: ignore[arg-type]
        )
        for number in ROUNDS
    }


def last_of(published: pl.DataFrame, number: int) -> pl.DataFrame:
    """The sequence of every trajectory after so many rounds."""
    return (
        published.filter(pl.col("round") <= number)
        .sort("round")
        .group_by("origin", "start_id", maintain_order=True)
        .last()
    )


if __name__ == "__main__":
    main()
