"""Judge a model on sequences of known species beside simpler methods, with and without their location."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from strandloom.bundle import read_bundle
from strandloom.errors import UsageError
from strandloom.evaluation.baselines.base import Unfit
from strandloom.io.plain import write_json
from strandloom.io.write import replacing
from strandloom.report.taxonomy_evaluation import render_evaluation
from strandloom.run.output_folder import new_folder
from strandloom.training.runtime import apply, choose_runtime
from strandloom.version import VERSION
from strandloom.words import plural
from strandloom.workflows.taxonomy.asked import Asked, read_asked
from strandloom.workflows.taxonomy.baselines.binaries import Vsearch
from strandloom.workflows.taxonomy.baselines.kernel import ListedCentroids, rerank
from strandloom.workflows.taxonomy.baselines.matches import consensus, hit_shares, majority
from strandloom.workflows.taxonomy.baselines.naive_bayes import NaiveBayes
from strandloom.workflows.taxonomy.baselines.types import Calls
from strandloom.workflows.taxonomy.evidence import SPECIES, Evidence
from strandloom.workflows.taxonomy.judge import Judgements, judge
from strandloom.workflows.taxonomy.model import TaxonomyModel
from strandloom.workflows.taxonomy.place_practice import Missing
from strandloom.workflows.taxonomy.places import Places
from strandloom.workflows.taxonomy.posterior import call, tally
from strandloom.workflows.taxonomy.queries import Queries
from strandloom.workflows.taxonomy.ragged import spans
from strandloom.workflows.taxonomy.search import Hits
from strandloom.workflows.taxonomy.store import load_model
from strandloom.workflows.taxonomy.truth import KINDS, Truth, query_kinds

FACTS = "evaluation.json"
FORMAT = 1
Baselines = Literal["all", "fast", "none"]
LCA_MARGIN = 2
Say = Callable[[str], None]

ALONE, PLACED, KERNEL = "model, by sequence alone", "model, with location", "nearest records, re-ranked by range"
TITLES = {
    ALONE: "the model, sequence alone",
    PLACED: "the model at the place of each sequence",
    "majority": "species of most of the nearest records, ties at random",
    "consensus": "called only where all nearest records agree",
    "lca": f"lowest common ancestor of the records within {LCA_MARGIN} differences of the best",
    "naive Bayes": "7-mer naive Bayes with the settings of q2-feature-classifier",
    "vsearch": "vsearch --usearch_global, majority of the top hits",
    "SINTAX": "vsearch --sintax",
    KERNEL: "the nearest records, ties decided by a 10-degree kernel over listed ecoregions",
}


class Section(NamedTuple):
    """Systems judged on the same queries."""

    title: str
    about: str
    judged: Judgements


@dataclass(frozen=True, eq=False)
class Evaluated:
    """What was judged."""

    folder: Path
    sections: tuple[Section, ...]
    sentence: str


def evaluate_file(
    bundle: str | Path,
    table: str | Path,
    *,
    out: str | Path,
    truth: str | Path | None = None,
    locations: str | Path | None = None,
    baselines: str = "all",
    threads: int | None = None,
    force: bool = False,
    command: str = "",
    say: Say = lambda _: None,
) -> Evaluated:
    """Judge a model on a table of sequences of known species.

    Parameters
    ----------
    bundle
        A taxonomy model whose reference holds none of the table's records.
    table
        ``id, sequence, species`` and perhaps ``lat, lon``; or FASTA with ``truth``.
    truth, locations
        Tables ``id, species`` and ``id, lat, lon`` that say what the table does not.
    baselines
        ``all``, ``fast`` (without naive Bayes and programs on PATH) or ``none``.

    Raises
    ------
    InputError
        A file cannot be used, or says of no sequence what it is.
    UsageError
        ``baselines`` is none of its values.
    """
    if baselines not in ("all", "fast", "none"):
        raise UsageError(f"baselines can be all, fast or none, not '{baselines}'", where="--baselines")
    read = read_bundle(bundle)
    model = load_model(read)
    runtime = apply(choose_runtime("cpu", precision="fp32", parameters=0, threads=threads))
    asked = read_asked(model, table, truth=truth, locations=locations)
    say(
        f"{plural(len(asked.queries), 'sequence')} of known species, {int(np.isfinite(asked.queries.lat).sum()):,} with a location"
    )
    with new_folder(out, mark=FACTS, what="an evaluation of strandloom taxonomy", force=force) as folder:
        sections = judge_model(model, asked, baselines=baselines, threads=runtime.threads, say=say)  # type: ignore[arg-type]
        facts = {
            "kind": "taxonomy",
            "format": FORMAT,
            "command": command,
            "strandloom": VERSION,
            "model": read.manifest.name,
            "notes": asked.notes,
            "titles": TITLES,
            "sections": [{"title": x.title, "about": x.about, **x.judged.to_json()} for x in sections],
        }
        write_json(folder / FACTS, facts)
        with replacing(folder / "report.html", text=True) as handle:
            handle.write(
                render_evaluation(facts, name=read.manifest.name, version=VERSION, date=date.today().isoformat())
            )
    return Evaluated(Path(out), sections, _sentence(sections))


def judge_model(
    model: TaxonomyModel,
    asked: Asked,
    *,
    baselines: Baselines = "all",
    threads: int = 1,
    resamples: int = 1000,
    say: Say = lambda _: None,
) -> tuple[Section, ...]:
    """All sequences by sequence alone; those with a location with it; and as if their species were not known from there."""
    queries = asked.queries
    reference, records = model.match.reference, model.match.records
    truth = Truth.from_names(asked.names, reference.taxonomy)
    species = np.maximum(truth.taxon["species"], -1)
    kinds = query_kinds(queries.frame["sequence"], species, reference, records)
    hits = model.match.index.search(queries.codes, queries.offsets, threads=threads)
    evidence = model.evidence(queries.codes, queries.offsets, threads=threads)
    scores = model.sequence_scores(evidence)
    say("the model, by sequence alone")
    alone = _calls(model, evidence, scores)
    systems: dict[str, Calls] = {ALONE: alone}
    if baselines != "none":
        systems |= _baselines(model, queries, hits, every=baselines == "all", say=say)
    groups = {kind: kinds == i for i, kind in enumerate(KINDS)}
    sections = [
        Section(
            "By sequence alone",
            "Every sequence, without its location.",
            judge(truth, systems, groups=groups, resamples=resamples),
        )
    ]
    located = np.flatnonzero(np.isfinite(queries.lat))
    if not len(located) or model.ranges is None:
        return tuple(sections)
    say("with location")
    places = model.ranges.places(queries.lat[located], queries.lon[located])
    own = {name: calls.take(located) for name, calls in systems.items()}
    at = np.arange(len(located))
    part, part_truth = {name: rows[located] for name, rows in groups.items()}, truth.take(located)
    shares = hit_shares(hits, records)
    centroids = ListedCentroids.from_ranges(model.ranges.ranges, len(reference.taxonomy))

    def kernel(drop: NDArray[np.int64] | None) -> Calls:
        each = None
        if drop is not None:
            theirs = shares.species == species[shares.query]
            each = np.where(theirs, drop[shares.query], -1)
        score = centroids.kernel(shares.species, queries.lat[shares.query], queries.lon[shares.query], drop=each)
        return rerank(shares, score, reference.taxonomy).take(located)

    placed = _calls(model, evidence, scores, _At(located, at, places))
    with_place = {PLACED: placed, **own}
    if baselines != "none":
        with_place[KERNEL] = kernel(None)
    sections.append(
        Section(
            "With location",
            "Sequences with a location; methods that do not use it are judged on the same sequences.",
            judge(part_truth, with_place, groups=part, resamples=resamples),
        )
    )
    inside = np.flatnonzero(places.home >= 0)
    if len(inside):
        rows, own_places = (
            located[inside],
            model.ranges.places(queries.lat[located[inside]], queries.lon[located[inside]]),
        )
        hidden = _hidden(evidence, species[rows], rows, own_places.home)
        unknown_there = {
            PLACED: _calls(model, evidence, scores, _At(rows, np.arange(len(rows)), own_places, hidden)),
            ALONE: alone.take(rows),
        }
        if baselines != "none":
            every = np.full(len(queries), -1)
            every[rows] = model.ranges.area_numbers[own_places.home]
            unknown_there[KERNEL] = kernel(every).take(inside)
        sections.append(
            Section(
                "As if its species were not known from there",
                "Sequences whose place lies in an ecoregion: the true species of each is taken off the list of that ecoregion, and its "
                "records there are not seen. What is left is what its neighbourhood says.",
                judge(
                    truth.take(rows),
                    unknown_there,
                    groups={name: own[rows] for name, own in groups.items()},
                    resamples=resamples,
                ),
            )
        )
    return tuple(sections)


class _At(NamedTuple):
    """Queries at places: their numbers, the place of each, the places, and what is not seen of the ranges."""

    query: NDArray[np.int64]
    place: NDArray[np.int64]
    places: Places
    missing: Missing | None = None


def _calls(model: TaxonomyModel, evidence: Evidence, scores: NDArray[np.float32], at: _At | None = None) -> Calls:
    asked = model.posterior(evidence, scores)
    if at is not None:
        asked = model.posterior(evidence, scores, query=at.query, place=at.place, places=at.places, missing=at.missing)
    found = call(tally(asked, evidence, model.taxa(evidence)), threshold=0.0)
    return Calls.from_arrays(found.taxon, found.probability)


def _hidden(
    evidence: Evidence, species: NDArray[np.int32], rows: NDArray[np.int64], home: NDArray[np.int32]
) -> Missing:
    """The true species of each of some queries is not seen in the area of its place."""
    answer, bounds = spans(evidence.offsets, rows)
    row = np.repeat(np.arange(len(rows)), np.diff(bounds))
    is_species = evidence.kind[answer] == SPECIES
    pair = row[is_species]
    theirs = evidence.taxon[answer][is_species] == species[pair]
    return Missing(
        np.where(theirs, home[pair], -1).astype(np.int32), np.zeros(len(pair), np.bool_), np.where(theirs, 1.0, 0.0)
    )


def _baselines(model: TaxonomyModel, queries: Queries, hits: Hits, *, every: bool, say: Say) -> dict[str, Calls]:
    reference, records = model.match.reference, model.match.records
    taxonomy = reference.taxonomy
    shares = hit_shares(hits, records)
    found = {
        "majority": majority(shares, taxonomy),
        "consensus": consensus(shares, taxonomy),
        "lca": consensus(hit_shares(hits, records, margin=LCA_MARGIN), taxonomy),
    }
    if not every:
        return found
    texts = queries.frame["sequence"].to_list()
    say("7-mer naive Bayes")
    whole = pl.Series(reference.sequences).gather(reference.haplotype).to_list()
    found["naive Bayes"] = NaiveBayes.fit(whole, reference.species, taxonomy).calls(texts)
    vsearch = Vsearch()
    try:
        say(vsearch.version())
        found["vsearch"] = majority(vsearch.top_hits(reference, texts), taxonomy)
        found["SINTAX"] = vsearch.sintax(reference, texts)
    except Unfit as reason:
        say(f"vsearch and SINTAX are left out: {reason.message}")
    return found


def _sentence(sections: tuple[Section, ...]) -> str:
    words = []
    for section in sections[:2]:
        first, *others = section.judged.systems
        mine = section.judged.systems[first].ranks["species"].measures["accuracy"].value
        told = f"{first}: {mine:.1%} of {section.judged.queries:,} to the right species"
        better = [
            (section.judged.systems[x].ranks["species"].measures["accuracy"].value, x)
            for x in others
            if x not in (ALONE, PLACED)
        ]
        if better:
            value, name = max(better)
            told += f" (best simpler method: {name}, {value:.1%})"
        words.append(told)
    return "; ".join(words)
