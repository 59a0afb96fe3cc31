"""Assigning ASVs: strandloom beside vsearch (one thread) and q2-style 7-mer naive Bayes; bootstraps; the whole command.

STRANDLOOM_DATA=… python benchmarks/taxonomy.py
"""

from __future__ import annotations

import gzip
import os
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.naive_bayes import MultinomialNB

from common import alternate, median, record
from strandloom.evaluation.baselines.base import Unfit
from strandloom.training.runtime import apply, choose_runtime
from strandloom.workflows.taxonomy.assign_block import Assigner
from strandloom.workflows.taxonomy.baselines.binaries import Vsearch
from strandloom.workflows.taxonomy.baselines.naive_bayes import NaiveBayes
from strandloom.workflows.taxonomy.build import build_reference
from strandloom.workflows.taxonomy.lineage import FISH_CLASSES
from strandloom.workflows.taxonomy.queries import QueryReader
from strandloom.workflows.taxonomy.ragged import encoded
from strandloom.workflows.taxonomy.ranges.read import read_ranges
from strandloom.workflows.taxonomy.settings import AssignSettings, TaxonomyTraining
from strandloom.workflows.taxonomy.train import train_model

RANGES = (
    "species_ecoregions", "ecoregions", "ecoregion_cells_0p5deg", "occurrence_cells_0p5deg", "species_drainage_basins", "basins",
    "species_bounds_fishbase",
)  # fmt: skip


def words(sequences: list[str]) -> object:
    """Hashed 7-mers with q2-feature-classifier's settings."""
    hashing = HashingVectorizer(
        analyzer="char", ngram_range=(7, 7), n_features=8192, alternate_sign=False, norm="l2", lowercase=False
    )
    return hashing.transform(sequences)


def by_sklearn(classifier: MultinomialNB, found: object) -> None:
    """Probabilities of all species, some hundred sequences at a time."""
    for start in range(0, found.shape[0], 400):  # type: ignore[attr-defined]
        classifier.predict_proba(found[start : start + 400])  # type: ignore[index]


def main() -> None:
    """Train on the full reference once (timed), then time the ways in turn."""
    if not os.environ.get("STRANDLOOM_DATA"):
        print("taxonomy is left out: it needs real data, so set STRANDLOOM_DATA", file=sys.stderr)
        return
    data = Path(os.environ["STRANDLOOM_DATA"])
    apply(choose_runtime("cpu", precision="fp32", parameters=0, threads=2))
    frame = pl.read_csv(data / "fish12s_mifish" / "mifish_reference.tsv.gz", separator="\t", null_values=["", "NA"])
    with gzip.open(data / "fish12s_mifish" / "mifish_dev_ids.txt.gz", "rt") as handle:
        ids = set(handle.read().split())
    fish = frame.filter(pl.col("class").is_null() | pl.col("class").is_in(list(FISH_CLASSES)))
    held = pl.col("record_id").is_in(list(ids))
    queries = fish.filter(held)
    started = time.perf_counter()
    reference = build_reference(fish.filter(~held), name="fish", marker="mifish").reference
    building = time.perf_counter() - started
    started = time.perf_counter()
    ranges = read_ranges([data / "fish_geo" / f"{name}.tsv.gz" for name in RANGES], reference.taxonomy)
    trained = train_model(reference, ranges, settings=TaxonomyTraining(), threads=2)
    training = time.perf_counter() - started
    model = trained.model

    texts = queries["sequence"].to_list()
    codes, offsets = encoded(queries["sequence"])
    nowhere = np.full(len(texts), np.nan)
    places = pl.read_csv(data / "fish_geo" / "mifish_dev_locations.tsv.gz", separator="\t")
    at = queries.join(places, on="record_id", how="left", maintain_order="left")
    lat, lon = (at[x].fill_null(np.nan).to_numpy() for x in ("lat", "lon"))
    reader = QueryReader(reference)
    plain = reader.prepare(queries["record_id"], codes, offsets, nowhere, nowhere)
    placed = reader.prepare(queries["record_id"], codes, offsets, lat, lon)
    one, two = Assigner(model, AssignSettings(), threads=1), Assigner(model, AssignSettings(), threads=2)
    whole = pl.Series(reference.sequences).gather(reference.haplotype).to_list()
    bayes = NaiveBayes.fit(whole, reference.species, reference.taxonomy)
    classifier = MultinomialNB(alpha=0.001, fit_prior=False).fit(words(whole), reference.species)
    vsearch = Vsearch(threads=1)

    def seconds(work: object) -> float:
        begun = time.perf_counter()
        work()  # type: ignore[operator]
        return time.perf_counter() - begun

    ways = {
        "strandloom, sequence alone": lambda: seconds(lambda: two.block(plain)),
        "strandloom, sequence alone, search on one thread": lambda: seconds(lambda: one.block(plain)),
        "strandloom, with location": lambda: seconds(lambda: two.block(placed)),
        "7-mer naive Bayes, fitted": lambda: seconds(lambda: bayes.calls(texts)),
        "the same by scikit-learn's predict_proba": lambda: seconds(lambda: by_sklearn(classifier, words(texts))),
    }
    try:
        program = vsearch.version()
        ways["vsearch --usearch_global, one thread"] = lambda: seconds(lambda: vsearch.top_hits(reference, texts))
        ways["vsearch --sintax, one thread"] = lambda: seconds(lambda: vsearch.sintax(reference, texts))
    except Unfit as reason:
        program = f"without vsearch ({reason})"
    found = {name: median(values) for name, values in alternate(ways).items()}
    base = found["7-mer naive Bayes, fitted"]
    rows = [
        {"way": name, "seconds": value, "ASVs/s": len(texts) / value, "/ naive Bayes": base / value}
        for name, value in found.items()
    ]
    draws = Assigner(model, AssignSettings(bootstraps=100), threads=2)
    some = placed.take(np.arange(1000))
    rows.append(
        {"way": "strandloom, 1,000 ASVs × 100 bootstraps", "seconds": (spent := seconds(lambda: draws.block(some))), "ASVs/s": 1000 / spent,
         "/ naive Bayes": ""}
    )  # fmt: skip
    record(
        "taxonomy",
        f"Taxonomy: {len(texts):,} ASVs against {len(reference):,} records",
        rows,
        packages=("torch", "numpy", "polars", "scikit-learn"),
        note=f"medians of 5 alternating rounds; {program}; building the reference {building:.0f} s, training on it with ranges "
        f"{training:.0f} s (2 threads)",
    )


if __name__ == "__main__":
    main()
