"""Fish from 12S sequences and places: development ids, held-out ecoregions, field studies, mock communities, three markers.

Nothing is chosen here: epochs are chosen on records held out of each reference. Trained models are kept under runs/studies/taxonomy.
"""

from __future__ import annotations

import gzip
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl

from common import ROOT, RUNS, data_folder, record, table
from strandloom.io.samples import read_samples
from strandloom.training.runtime import apply, choose_runtime
from strandloom.workflows.taxonomy.asked import Asked
from strandloom.workflows.taxonomy.assign_block import Assigner
from strandloom.workflows.taxonomy.baselines.kernel import ListedCentroids, nearness, rerank
from strandloom.workflows.taxonomy.baselines.matches import hit_shares, majority
from strandloom.workflows.taxonomy.baselines.types import Calls
from strandloom.workflows.taxonomy.build import build_reference
from strandloom.workflows.taxonomy.communities import detection
from strandloom.workflows.taxonomy.evaluate import ALONE, KERNEL, PLACED, judge_model
from strandloom.workflows.taxonomy.field import clean_counts
from strandloom.workflows.taxonomy.lineage import FISH_CLASSES
from strandloom.workflows.taxonomy.model import TaxonomyModel
from strandloom.workflows.taxonomy.places import RangeEvidence
from strandloom.workflows.taxonomy.practice import with_errors
from strandloom.workflows.taxonomy.queries import Queries, QueryReader
from strandloom.workflows.taxonomy.ranges.ranges import Ranges
from strandloom.workflows.taxonomy.ranges.read import read_ranges
from strandloom.workflows.taxonomy.reference import Reference
from strandloom.workflows.taxonomy.settings import AssignSettings, TaxonomyTraining
from strandloom.workflows.taxonomy.store import load_model, to_bundle
from strandloom.workflows.taxonomy.train import train_model

SEEDS = (1, 2, 3)
AREAS = ("species_ecoregions", "ecoregions", "ecoregion_cells_0p5deg")
OTHERS = ("occurrence_cells_0p5deg", "species_drainage_basins", "basins", "species_bounds_fishbase")
GONE = 0.2
"""Share of the species of which the ranges know nothing, where that is tried."""
HEADER = ["method", "species", "genus", "family", "macro F1", "coverage at 95 % species precision", "ECE"]
ERRORS = 0.02
"""Most substitutions per base in queries that are read with errors; the mean is half of it."""


def said(text: str) -> None:
    """A line of progress."""
    print(text, file=sys.stderr, flush=True)


def records(marker: str) -> pl.DataFrame:
    """All records of a marker with the columns of a reference."""
    path = data_folder() / "fish12s_mifish" / f"{marker}_reference.tsv.gz"
    frame = pl.read_csv(path, separator="\t", null_values=["", "NA"])
    return frame.with_columns(fish=pl.col("class").is_null() | pl.col("class").is_in(list(FISH_CLASSES)))


def development_ids() -> set[str]:
    """Records that are the questions."""
    with gzip.open(data_folder() / "fish12s_mifish" / "mifish_dev_ids.txt.gz", "rt") as handle:
        return set(handle.read().split())


def ranges_of(reference: Reference, *, only_areas: bool = False) -> Ranges:
    """The ranges of fish_geo."""
    files = [data_folder() / "fish_geo" / f"{name}.tsv.gz" for name in (AREAS if only_areas else (*AREAS, *OTHERS))]
    return read_ranges(files, reference.taxonomy)


def trained(name: str, make: Callable[[], tuple[Reference, Ranges | None]], seed: int) -> TaxonomyModel:
    """A model, trained once."""
    from strandloom.bundle import write_bundle

    folder = RUNS / "taxonomy" / f"{name}-{seed}"
    if not (folder / "bundle.json").is_file():
        said(f"== {name}, seed {seed}")
        reference, ranges = make()
        done = train_model(reference, ranges, settings=TaxonomyTraining(seed=seed), threads=2, say=said)
        write_bundle(folder, to_bundle(done.model, name=name, threshold=0.9, card=""))
        said(done.held_out.sentence())
    return load_model(folder)


def over_seeds(values: list[float], digits: int = 3) -> str:
    """Mean and range over seeds."""
    if len(values) == 1:
        return f"{values[0]:.{digits}f}"
    return f"**{np.mean(values):.{digits}f}** ({min(values):.{digits}f}–{max(values):.{digits}f})"


def asked_of(model: TaxonomyModel, frame: pl.DataFrame, *, places: pl.DataFrame | None = None) -> Asked:
    """Records as questions; ``places``: ``record_id, lat, lon``."""
    from strandloom.workflows.taxonomy.ragged import encoded

    codes, offsets = encoded(frame["sequence"])
    if places is not None:
        frame = frame.join(places, on="record_id", how="left", maintain_order="left")
    nowhere = np.full(frame.height, np.nan)
    lat, lon = (
        (frame[x].cast(pl.Float64).fill_null(np.nan).to_numpy() for x in ("lat", "lon"))
        if places is not None
        else (nowhere, nowhere)
    )
    queries = QueryReader(model.match.reference).prepare(frame["record_id"], codes, offsets, lat, lon)
    return Asked(queries, frame.select("species", "genus", "family", "order", "class"))


# --- the development ids ---------------------------------------------------------------------------------------------------


def development(frame: pl.DataFrame, ids: set[str]) -> tuple[str, list[TaxonomyModel]]:
    """The table of the development ids, and the models of all seeds."""
    own = frame.filter("fish")
    queries = own.filter(pl.col("record_id").is_in(list(ids)))

    def make() -> tuple[Reference, Ranges]:
        reference = build_reference(
            own.filter(~pl.col("record_id").is_in(list(ids))), name="mifish-dev", marker="mifish"
        ).reference
        return reference, ranges_of(reference)

    places = pl.read_csv(data_folder() / "fish_geo" / "mifish_dev_locations.tsv.gz", separator="\t")
    found: dict[str, dict[str, dict[str, list[float]]]] = {}
    kinds: dict[str, dict[str, dict[str, list[float]]]] = {}
    counts: dict[str, dict[str, int]] = {}
    models = []
    for seed in SEEDS:
        model = trained("mifish-dev", make, seed)
        models.append(model)
        sections = judge_model(
            model,
            asked_of(model, queries, places=places),
            baselines="all" if seed == SEEDS[0] else "fast",
            threads=2,
            resamples=0,
        )
        for section in sections:
            counts[section.title] = {"": section.judged.queries, **section.judged.groups}
            for system, judged in section.judged.systems.items():
                if system not in (ALONE, PLACED) and seed != SEEDS[0]:
                    continue
                ranks = judged.ranks
                values = {
                    "species": ranks["species"].measures["accuracy"].value,
                    "genus": ranks["genus"].measures["accuracy"].value,
                    "family": ranks["family"].measures["accuracy"].value,
                    "coverage": ranks["species"].selective.coverage,
                    "ECE": ranks["species"].measures["ece"].value,
                    "F1": ranks["species"].measures["f1_macro"].value,
                }
                for name, value in values.items():
                    found.setdefault(section.title, {}).setdefault(system, {}).setdefault(name, []).append(
                        float(value or 0)
                    )
                for group, by_rank in judged.groups.items():
                    kinds.setdefault(section.title, {}).setdefault(system, {}).setdefault(group, []).append(
                        float(by_rank["species"]["accuracy"].value or 0)
                    )
    parts = []
    header = HEADER
    for title, systems in found.items():
        groups = [g for g in counts[title] if g]
        rows = [
            [system, *(over_seeds(v[x]) for x in ("species", "genus", "family", "F1", "coverage", "ECE"))]
            + [over_seeds(kinds[title][system][g]) for g in groups]
            for system, v in systems.items()
        ]
        parts.append(
            f"**{title}** ({counts[title]['']:,} queries)\n\n"
            + table([*header, *(f"{g} ({counts[title][g]:,})" for g in groups)], rows)
        )
    return "\n\n".join(parts), models


def nothing_known(models: list[TaxonomyModel], frame: pl.DataFrame, ids: set[str]) -> str:
    """Queries at their places, with ranges that know nothing of a fifth of the species; those of these species."""
    places = pl.read_csv(data_folder() / "fish_geo" / "mifish_dev_locations.tsv.gz", separator="\t")
    queries = frame.filter("fish", pl.col("record_id").is_in(list(ids)), pl.col("record_id").is_in(places["record_id"]))
    taxonomy = models[0].match.reference.taxonomy
    gone = np.random.default_rng(3).random(len(taxonomy)) < GONE
    number = np.array([taxonomy.lookup(x) for x in queries["species"]])
    theirs = gone[number] & (number >= 0)
    text = []
    for words, part in (("of these species", queries.filter(theirs)), ("of the others", queries.filter(~theirs))):
        found: dict[str, list[float]] = {}
        for model in models:
            assert model.ranges is not None
            ranges = model.ranges.ranges.subset(np.where(gone, -1, np.arange(len(taxonomy))))
            blind = TaxonomyModel(model.match, RangeEvidence(ranges, len(taxonomy)), model.members)
            judged = judge_model(blind, asked_of(blind, part, places=places), baselines="fast", threads=2, resamples=0)[
                1
            ].judged
            for system in (PLACED, ALONE, KERNEL):
                if system != KERNEL or model is models[0]:
                    value = judged.systems[system].ranks["species"].measures["accuracy"].value
                    found.setdefault(system, []).append(float(value or 0))
        text += [[words, f"{part.height:,}", system, over_seeds(values)] for system, values in found.items()]
    return (
        f"Nothing is known of {gone.sum():,} of {len(taxonomy):,} species, drawn at random; places are those of the queries.\n\n"
        + table(["queries", "n", "method", "species"], text)
    )


# --- held-out ecoregions ---------------------------------------------------------------------------------------------------


def challenge(models: list[TaxonomyModel]) -> str:
    """Candidates of equal sequence, told apart by place, with the ecoregion of the place held out.

    Ranges of lists alone are judged by models that were trained with lists alone.
    """
    reference = models[0].match.reference
    listed = [trained("mifish-dev-lists", lambda: (reference, ranges_of(reference, only_areas=True)), s) for s in SEEDS]
    frame = pl.read_csv(data_folder() / "fish_geo" / "geo_challenge_dev.tsv.gz", separator="\t")
    taxonomy = models[0].match.reference.taxonomy
    names = [x.split("|") for x in frame["candidates"]]
    point = np.repeat(np.arange(len(names)), [len(x) for x in names])
    species = np.array([taxonomy.lookup(x) for own in names for x in own])
    known = species >= 0  # a candidate that the development reference lacks cannot be judged
    whole = np.bincount(point, known, len(names)) == np.array([len(x) for x in names])
    truth = np.array([taxonomy.lookup(x) for x in frame["species"]])
    kept = whole[point]
    point, species = point[kept], species[kept]
    points = np.unique(point)
    lat, lon = frame["lat"].to_numpy(), frame["lon"].to_numpy()
    right = species == truth[point]
    parts = []
    chance = np.mean([1 / (point == p).sum() for p in points])
    for words, own in (("ecoregion lists alone", listed), ("all range files", models)):
        rows: dict[tuple[str, str], list[float]] = {}
        for model in own:
            evidence = model.ranges
            assert evidence is not None
            centroids = ListedCentroids.from_ranges(evidence.ranges, len(taxonomy))
            places = evidence.places(lat, lon)
            home = places.home[point]
            number = np.append(evidence.area_numbers, -1)[home]
            for title, who in (
                ("nothing held out", None),
                ("its pair held out", right),
                ("the ecoregion held out", np.ones(len(point), bool)),
            ):
                drop = np.full(len(point), -1) if who is None else np.where(who, home, -1)
                areas = np.full(len(point), -1) if who is None else np.where(who, number, -1)
                gone = np.full(len(point), title == "the ecoregion held out") & (home >= 0)
                hide = np.where(drop >= 0, 1.0, 0.0)
                features = evidence.features(
                    places, species, point, drop=drop.astype(np.int32), gone=gone, hide_km=hide
                )
                score = np.mean([_place_scores(member, features) for member in model.members], axis=0)
                rows.setdefault((title, "strandloom"), []).append(_chosen(score, point, right))
                kernel = centroids.kernel(species, lat[point], lon[point], drop=areas)
                near = nearness(centroids.nearest(species, lat[point], lon[point], drop=areas) / 4)
                if model is own[0]:
                    rows[(title, "kernel")] = [_chosen(kernel, point, right)]
                    rows[(title, "nearest")] = [_chosen(near, point, right)]
        titles = list(dict.fromkeys(title for title, _ in rows))
        parts.append(
            f"With {words}, in training as here:\n\n"
            + table(
                ["held out", "strandloom", "10-degree kernel", "nearest ecoregion"],
                [[t, *(over_seeds(rows[(t, x)]) for x in ("strandloom", "kernel", "nearest"))] for t in titles],
            )
        )
    lead = (
        f"{len(points):,} of {frame.height:,} points, whose candidates are all in the development reference; a random candidate is "
        f"right in {chance:.3f}."
    )
    return lead + "\n\n" + "\n\n".join(parts)


def _place_scores(member: Any, features: np.ndarray) -> np.ndarray:
    import torch

    with torch.inference_mode():
        values = torch.from_numpy(features)
        return member.places(values, torch.zeros(len(features), dtype=torch.int64), torch.arange(len(features))).numpy()


def _chosen(score: np.ndarray, point: np.ndarray, right: np.ndarray) -> float:
    """Share of the points whose best candidate is the true one; ties count in part."""
    best = np.full(int(point.max()) + 1, -np.inf)
    np.maximum.at(best, point, score)
    top = score >= best[point] - 1e-12
    tied = np.bincount(point[top], minlength=len(best))
    hit = np.bincount(point[top & right], minlength=len(best))
    asked = np.unique(point)
    return float((hit[asked] / tied[asked]).mean())


# --- field studies and mock communities ------------------------------------------------------------------------------------


def field_studies(frame: pl.DataFrame) -> str:
    """Agreement with published names, and mock communities; references hold all records, fish and others."""

    def make() -> tuple[Reference, Ranges]:
        reference = build_reference(frame, name="mifish", marker="mifish").reference
        return reference, ranges_of(reference)

    models = [trained("mifish", make, seed) for seed in SEEDS]
    agreement: dict[tuple[str, str], list[tuple[float, float, float]]] = {}
    sizes: dict[str, int] = {}
    mocks: dict[str, list[tuple[float, float, float]]] = {}
    pairs: list[pl.DataFrame] = []
    for number, model in enumerate(models):
        for study, at in (("edna_nbs23", None), ("edna_berlengas", None), ("edna_nearshore_mock", (55.3, -132.5))):
            queries, counts, samples = _study(model, study)
            found = clean_counts(counts, samples).found
            assigner = Assigner(model, AssignSettings(candidates=48, least=0), found, at, threads=2)
            tables = assigner.block(queries)
            calls = {ALONE: tables.assignments["sequence_species"], PLACED: tables.assignments["species"]}
            if number == 0:
                calls |= _peers(model, queries, found, at)
            reads = counts.group_by("id").agg(n=pl.col("reads").sum())
            for name, species in calls.items():
                own = pl.DataFrame({"id": queries.ids, "species": species})
                values, size = _agreement(study, own, reads)
                agreement.setdefault((study, name), []).append(values)
                sizes[study] = size
                if study == "edna_nearshore_mock":
                    mocks.setdefault(name, []).append(_mock(study, own, counts))
            if number == 0:
                pairs.append(tables.candidates.with_columns(study=pl.lit(study)))
            if study == "edna_nearshore_mock":
                called = tables.assignments.with_columns(
                    species=pl.when(pl.col("rank") == "species").then("taxon").otherwise(pl.lit(""))
                ).select("id", "species")
                mocks.setdefault("model, with location, only what it calls to species at 0.9", []).append(
                    _mock(study, called, counts)
                )
    rows = [
        [study, f"{sizes[study]:,}", name, *(over_seeds([v[i] for v in values]) for i in range(3))]
        for (study, name), values in agreement.items()
    ]
    text = table(
        [
            "study",
            "ASVs published to species",
            "method",
            "same species (ASVs)",
            "same species (reads)",
            "same genus (ASVs)",
        ],
        rows,
    )
    text += "\n\nMock communities (13, 22 species; replicates pooled, species above 0.1 % of the reads; place 55.3° N 132.5° W):\n\n"
    text += table(
        ["method", "precision", "recall", "F1"],
        [[name, *(over_seeds([v[i] for v in values]) for i in range(3))] for name, values in mocks.items()],
    )
    _pairs(pl.concat(pairs))
    return text


def _study(model: TaxonomyModel, study: str) -> tuple[Queries, pl.DataFrame, pl.DataFrame]:
    folder = data_folder() / study
    queries = Queries.concat(list(QueryReader(model.match.reference).blocks(folder / "asvs.fasta.gz")))
    counts = pl.read_csv(folder / "counts.tsv.gz", separator="\t").select(
        sample="sample_id", id="asv_id", reads="reads"
    )
    samples = read_samples(folder / "samples.tsv.gz").frame
    return queries, counts, samples


def _peers(
    model: TaxonomyModel, queries: Queries, found: pl.DataFrame, at: tuple[float, float] | None
) -> dict[str, pl.Series]:
    """Majority of the nearest records, and the same re-ranked by the range kernel at the place of most reads."""
    taxonomy = model.match.reference.taxonomy
    shares = hit_shares(model.match.index.search(queries.codes, queries.offsets, threads=2), model.match.records)
    most = (
        found.filter(pl.col("lat").is_not_null())
        .sort("reads", descending=True)
        .unique("id", keep="first", maintain_order=True)
    )
    place = pl.DataFrame({"id": queries.ids}).join(most, on="id", how="left", maintain_order="left")
    lat, lon = (place[x].cast(pl.Float64).fill_null(np.nan).to_numpy() for x in ("lat", "lon"))
    if at is not None:
        lat, lon = np.where(np.isfinite(lat), lat, at[0]), np.where(np.isfinite(lon), lon, at[1])
    assert model.ranges is not None
    centroids = ListedCentroids.from_ranges(model.ranges.ranges, len(taxonomy))
    score = centroids.kernel(shares.species, lat[shares.query], lon[shares.query])

    def names(calls: Calls) -> pl.Series:
        return pl.Series(
            [taxonomy.species[i] if i >= 0 else "" for i in calls.taxon["species"].tolist()], dtype=pl.String
        )

    return {"majority": names(majority(shares, taxonomy)), KERNEL: names(rerank(shares, score, taxonomy))}


def _agreement(study: str, own: pl.DataFrame, reads: pl.DataFrame) -> tuple[tuple[float, float, float], int]:
    published = pl.read_csv(data_folder() / study / "taxonomy_published.tsv.gz", separator="\t", null_values=["NA", ""])
    published = (
        published.filter(pl.col("taxonomic_level") == "species")
        .unique("asv_id", keep="first")
        .select(id="asv_id", truth="taxon")
    )
    both = own.join(published, on="id").join(reads, on="id", how="left").with_columns(pl.col("n").fill_null(0))
    same = (both["species"] == both["truth"]).to_numpy()
    genus = (both["species"].str.split(" ").list.first() == both["truth"].str.split(" ").list.first()).to_numpy()
    weight = both["n"].to_numpy()
    return (float(same.mean()), float((same * weight).sum() / weight.sum()), float(genus.mean())), both.height


def _mock(study: str, own: pl.DataFrame, counts: pl.DataFrame) -> tuple[float, float, float]:
    folder = data_folder() / study
    samples = pl.read_csv(folder / "samples.tsv.gz", separator="\t", null_values=["NA", ""], infer_schema_length=10_000)
    mock = samples.filter(pl.col("sample_type") == "mock").select(sample="sample_id", community="extraction_ID")
    composition = pl.read_csv(folder / "mock_composition.tsv.gz", separator="\t", null_values=["NA", ""])
    expected = composition.select(community="Community_ID", taxon="species").drop_nulls()
    reads = (
        counts.join(mock, on="sample").join(own, on="id").select("community", pl.col("species").alias("taxon"), "reads")
    )
    reads = reads.group_by("community", "taxon").agg(pl.col("reads").sum())
    found, _ = detection(reads, expected, share=0.001)
    return found.precision, found.recall, found.f1


PAIRS = (
    ("Clupea harengus", "Clupea pallasii"), ("Gadus morhua", "Gadus macrocephalus"),
    ("Platichthys flesus", "Platichthys stellatus"), ("Osmerus mordax", "Osmerus dentex"),
)  # fmt: skip


def _pairs(candidates: pl.DataFrame) -> None:
    """The pairs in docs/taxonomy.md: what sequence and place say of them in the field studies."""
    rows = []
    for atlantic, pacific in PAIRS:
        for (study,), own in candidates.group_by("study", maintain_order=True):
            both = own.filter(pl.col("species") == atlantic).join(
                own.filter(pl.col("species") == pacific), on="id", suffix="_b"
            )
            if not both.height:
                continue
            first = both.select(
                pl.col("sequence_probability", "sequence_probability_b", "probability", "probability_b").mean()
            ).row(0)
            rows.append(
                [
                    f"*{atlantic}* / *{pacific}*",
                    str(study),
                    f"{both.height:,}",
                    f"{first[0]:.2f} / {first[1]:.2f}",
                    f"{first[2]:.2f} / {first[3]:.2f}",
                ]
            )
    header = ["pair", "study", "ASVs with both as candidates", "by sequence alone (mean)", "with location (mean)"]
    path = ROOT / "docs" / "taxonomy.md"
    if path.is_file():
        text = path.read_text()
        begin, end = "<!-- begin pairs -->", "<!-- end pairs -->"
        if begin in text:
            path.write_text(text.split(begin)[0] + f"{begin}\n{table(header, rows)}\n{end}" + text.split(end)[1])


# --- three markers, with errors --------------------------------------------------------------------------------------------


def markers(seed: int = 1) -> str:
    """12S-V5 and teleo like the development ids, and all three with sequencing errors in the queries."""
    rows = []
    for name, marker in (("mifish", "mifish"), ("riaz12sv5", "riaz"), ("teleo", "teleo")):
        frame = records(name).filter("fish")
        if name == "mifish":
            ids = development_ids()
            held = frame["record_id"].is_in(list(ids))
        else:
            held = _held(frame, seed)
        queries, rest = frame.filter(held), frame.filter(~held)

        def make(rest: pl.DataFrame = rest, name: str = name, marker: str = marker) -> tuple[Reference, Ranges]:
            reference = build_reference(rest, name=f"{name}-dev", marker=marker).reference
            return reference, ranges_of(reference)

        for seed_ in (1,):
            model = trained(f"{name}-dev", make, seed_)
            asked = asked_of(model, queries)
            noisy = Queries(
                asked.queries.ids, with_errors(asked.queries.codes, asked.queries.offsets, np.random.default_rng(5), rate=ERRORS),
                asked.queries.offsets, asked.queries.lat, asked.queries.lon, asked.queries.note,
            )  # fmt: skip
            for words, own in (("clean", asked), ("with errors", Asked(noisy, asked.names))):
                judged = judge_model(model, own, threads=2, resamples=0)[0].judged
                for system in (ALONE, "majority", "naive Bayes", "vsearch", "SINTAX"):
                    if system in judged.systems:
                        ranks = judged.systems[system].ranks
                        rows.append(
                            [marker, f"{judged.queries:,}", words, system]
                            + [f"{ranks[r].measures['accuracy'].value:.3f}" for r in ("species", "genus", "family")]
                            + [f"{ranks['species'].selective.coverage:.3f}"]
                        )
    return table(
        ["marker", "queries", "sequences", "method", "species", "genus", "family", "coverage at 95 % precision"], rows
    )


def _held(frame: pl.DataFrame, seed: int) -> pl.Series:
    """About 15 % of the records of species with several records; every species keeps one."""
    rng = np.random.default_rng(seed)
    order = frame.with_row_index("row").with_columns(draw=pl.Series(rng.random(frame.height)))
    order = order.with_columns(rank=pl.col("draw").rank("ordinal").over("species"), size=pl.len().over("species"))
    return order.select((pl.col("draw") < 0.15) & (pl.col("size") > 1) & (pl.col("rank") < pl.col("size"))).to_series()


def unknowns(frame: pl.DataFrame, model: TaxonomyModel, ids: set[str]) -> str:
    """Development queries whose species, genus or family is taken out of the reference, other animals, and sequences of nothing."""
    from strandloom.workflows.taxonomy.posterior import UNKNOWN, call, tally
    from strandloom.workflows.taxonomy.posterior import Calls as RankCalls
    from strandloom.workflows.taxonomy.practice import shuffled

    match, rng = model.match, np.random.default_rng(11)
    places = pl.read_csv(data_folder() / "fish_geo" / "mifish_dev_locations.tsv.gz", separator="\t")
    asked = asked_of(model, frame.filter(pl.col("record_id").is_in(list(ids))), places=places)
    asked_at = np.flatnonzero(np.isfinite(asked.queries.lat))
    some = asked.queries.take(asked_at)
    species = np.array([match.reference.taxonomy.lookup(x) for x in asked.names["species"].gather(asked_at)], np.int32)
    assert model.ranges is not None
    there = model.ranges.places(some.lat, some.lon)
    rows = []

    def told(evidence: Any, placed: bool) -> RankCalls:
        given = {"place": np.arange(len(evidence)), "places": there} if placed else {}
        found = model.posterior(evidence, model.sequence_scores(evidence), **given)
        return call(tally(found, evidence, model.taxa(evidence)), threshold=0.9)

    for rank, words in ((0, "species left out"), (1, "genus left out"), (2, "family left out")):
        taxon = match.lineages.of[rank][species]
        evidence = match.without_taxon(rank, taxon, some.codes, some.offsets, threads=2)
        for placed in (False, True):
            found = told(evidence, placed)
            truth = [match.lineages.of[r][species] for r in range(5)]
            right = sum(int(((found.taxon[r] == truth[r]) & (found.rank == r)).sum()) for r in range(rank + 1, 5))
            over = float((found.rank <= rank).mean())
            rows.append(
                [words, "at their place" if placed else "sequence alone", f"{len(species):,}", f"{over:.3f}", f"{right / len(species):.3f}",
                 f"{(found.rank == UNKNOWN).mean():.3f}"]
            )  # fmt: skip
    whole = match.evidence(some.codes, some.offsets, threads=2)
    for placed in (False, True):
        found = told(whole, placed)
        right = sum(
            int(((found.taxon[r] == match.lineages.of[r][species]) & (found.rank == r)).sum()) for r in range(5)
        )
        wrong = float(((found.taxon[0] != species) & (found.rank == 0)).mean())
        rows.append(
            ["nothing left out", "at their place" if placed else "sequence alone", f"{len(species):,}", f"{wrong:.3f}",
             f"{right / len(species):.3f}", f"{(found.rank == UNKNOWN).mean():.3f}"]
        )  # fmt: skip
    from strandloom.workflows.taxonomy.ragged import encoded

    foreign = [
        ("shuffled sequences (a kind met in training)", (shuffled(some.codes, some.offsets, rng), some.offsets)),
        ("backward, not complemented", (_backward(some.codes, some.offsets), some.offsets)),
        (
            "mammals, birds, frogs and lizards, with a reference of fish",
            encoded(frame.filter(~pl.col("fish"))["sequence"]),
        ),
    ]
    for words, (code, bounds) in foreign:
        found = told(match.evidence(code, bounds, threads=2), False)
        over = float((found.rank <= 3).mean())
        rows.append(
            [
                words,
                "sequence alone",
                f"{len(bounds) - 1:,}",
                f"{over:.3f}",
                "–",
                f"{(found.rank == UNKNOWN).mean():.3f}",
            ]
        )
    return table(
        ["queries", "judged", "n", "called too narrow or wrong", "called right, at whatever rank", "unknown"], rows
    )


def _backward(codes: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    out = codes.copy()
    for a, b in zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True):
        out[a:b] = codes[a:b][::-1]
    return out


def main() -> None:
    """Run everything and write the section of docs/results.md."""
    apply(choose_runtime("cpu", precision="fp32", parameters=0, threads=2))
    frame = records("mifish")
    ids = development_ids()
    parts = []
    text, models = development(frame, ids)
    parts.append("### Development ids\n\nReference: the other fish records; mean and range over 3 seeds.\n\n" + text)
    said(text)
    for title, work in (
        ("### Species of which nothing is known", lambda: nothing_known(models, frame, ids)),
        ("### Held-out ecoregions", lambda: challenge(models)),
        (
            "### What the reference lacks",
            lambda: "Threshold 0.9, seed 1, development reference.\n\n" + unknowns(frame, models[0], ids),
        ),
        ("### Field studies and mock communities", lambda: field_studies(frame)),
        (
            "### Three markers, clean and with errors",
            lambda: f"Substitutions at up to {ERRORS:.0%} a base, drawn for each query; seed 1.\n\n" + markers(),
        ),
    ):
        said(title)
        part = work()
        said(part)
        parts.append(f"{title}\n\n{part}")
    record("taxonomy", "Taxonomy", "\n\n".join(parts))


if __name__ == "__main__":
    main()
