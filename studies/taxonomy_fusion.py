"""The published form of the taxonomy model (ePlacer): one network for bases and a map of the place, on the development ids."""

from __future__ import annotations

import time

import numpy as np
import polars as pl

from common import record, table
from strandloom.training.runtime import apply, choose_runtime
from strandloom.workflows.taxonomy.baselines.types import Calls
from strandloom.workflows.taxonomy.build import build_reference
from strandloom.workflows.taxonomy.fusion_settings import FusionTraining
from strandloom.workflows.taxonomy.fusion_training import train_fusion
from strandloom.workflows.taxonomy.judge import judge
from strandloom.workflows.taxonomy.model import TaxonomyModel
from strandloom.workflows.taxonomy.places import RangeEvidence
from strandloom.workflows.taxonomy.practice import Match
from strandloom.workflows.taxonomy.truth import KINDS, Truth, query_kinds
from taxonomy import asked_of, data_folder, development_ids, ranges_of, records, said


def main() -> None:
    """Train once, judge without and with places."""
    runtime = apply(choose_runtime("cpu", precision="fp32", parameters=0))
    own = records("mifish").filter("fish")
    held = pl.col("record_id").is_in(list(development_ids()))
    reference = build_reference(own.filter(~held), name="mifish-dev", marker="mifish").reference
    evidence = RangeEvidence(ranges_of(reference), len(reference.taxonomy))
    started = time.perf_counter()
    fit = train_fusion(
        reference,
        evidence,
        settings=FusionTraining(),
        on_epoch=lambda e: said(f"{e.choice} epoch {e.epoch}: {e.alone:.3f} {e.located:.3f}"),
    )
    seconds = time.perf_counter() - started
    places = pl.read_csv(data_folder() / "fish_geo" / "mifish_dev_locations.tsv.gz", separator="\t")
    model = TaxonomyModel(Match(reference), evidence, ())
    asked = asked_of(model, own.filter(held), places=places)
    queries = asked.queries
    truth = Truth.from_names(asked.names, reference.taxonomy)
    kinds = query_kinds(queries.frame["sequence"], truth.taxon["species"], reference, model.match.records)
    rows = []
    located = np.isfinite(queries.lat)
    for words, chosen, with_place in (
        ("sequence alone", np.ones(len(queries), bool), False),
        ("sequence alone, located ones", located, False),
        ("with location", located, True),
    ):
        at = np.flatnonzero(chosen)
        some = queries.take(at)
        given = {"lat": some.lat, "lon": some.lon} if with_place else {}
        found = fit.model.calls(some.codes, some.offsets, threshold=0.0, **given)
        groups = {kind: kinds[at] == i for i, kind in enumerate(KINDS)}
        judged = judge(
            truth.take(at), {"fusion": Calls.from_arrays(found.taxon, found.probability)}, groups=groups, resamples=0
        )
        ranks, by_group = judged.systems["fusion"].ranks, judged.systems["fusion"].groups
        rows.append(
            [words, f"{judged.queries:,}"]
            + [f"{ranks[r].measures['accuracy'].value:.3f}" for r in ("species", "genus", "family")]
            + [f"{ranks['species'].selective.coverage:.3f}"]
            + [f"{by_group[g]['species']['accuracy'].value:.3f}" for g in KINDS]
        )
    best = fit.best
    lead = (
        f"Seed 1; {seconds / 60:.0f} min of training on {runtime.threads} threads; validation chose Adam at {best.choice.rate:g}, "
        f"records drawn by {best.choice.balance}, epoch {best.epoch} ({fit.held_out:,} held-out records: {best.alone:.3f} without and "
        f"{best.located:.3f} with a place)."
    )
    header = ["queries", "n", "species", "genus", "family", "coverage at 95 % species precision", *KINDS]
    record("taxonomy_fusion", "Taxonomy: the published form", lead + "\n\n" + table(header, rows))


if __name__ == "__main__":
    main()
