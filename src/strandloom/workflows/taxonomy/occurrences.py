"""Calls in field samples as occurrences of Darwin Core: one for each ASV and sample."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

import polars as pl

from strandloom.io.darwin_core_write import DnaTerms
from strandloom.settings import Settings
from strandloom.workflows.taxonomy.field import FieldResult
from strandloom.workflows.taxonomy.field_facts import DETECTION_FLAGS
from strandloom.workflows.taxonomy.ladder import WIDEST_FIRST
from strandloom.workflows.taxonomy.lineage import RANKS
from strandloom.workflows.taxonomy.markers import Marker
from strandloom.workflows.taxonomy.sample_kinds import FIELD_KINDS

HUMAN = "Homo sapiens"
DIGITS = 4
"""Decimals of probabilities in words."""
_MOVED = ("moved", "sequence_species", "sequence_probability")
_DOI = re.compile(r"10\.\d{4,}/\S+")


class OccurrenceSettings(Settings):
    """What becomes an occurrence."""

    unknown: Literal["leave_out", "incertae_sedis"] = "leave_out"
    """What is called at no rank is left out, or written without a name."""
    prefix: str = ""
    """Begins every occurrenceID, so that they stay unique beside those of other studies."""


@dataclass(frozen=True)
class Classifier:
    """What made the calls, for those who read them elsewhere."""

    name: str
    """What it is called: ``strandloom taxonomy``."""
    version: str
    """Of the program."""
    reference: str
    """Name (and version) of the reference database."""
    threshold: float
    """Probability from which a rank is called."""
    uses_places: bool
    """It knows where species live."""


def dna_terms(marker: Marker, classifier: Classifier) -> DnaTerms:
    """What marker and classifier say of all sequences; the laboratory's part is left out."""
    doi = _DOI.search(marker.citation)
    compared = f"{classifier.name};{classifier.version};probability >= {classifier.threshold:g}"
    return DnaTerms(
        target_gene=marker.gene or None,
        target_subfragment=marker.name,
        pcr_primer_forward=marker.forward,
        pcr_primer_reverse=marker.reverse,
        pcr_primer_reference=f"https://doi.org/{doi[0]}" if doi else None,
        otu_seq_comp_appr=compared,
        otu_db=classifier.reference,
    )


def occurrence_rows(
    calls: pl.DataFrame,
    lineages: pl.DataFrame,
    field: FieldResult,
    *,
    sequences: pl.DataFrame,
    classifier: Classifier,
    prefix: str = "",
) -> pl.DataFrame:
    """Occurrences, by the terms of Darwin Core and its DNA extension; what is called at no rank has no name.

    ``eventID`` is the sample, ``parentEventID`` what it is a replicate of. The occurrenceID is made of sample and ASV and of nothing else,
    so it stays when samples are added or the reference changes.

    Parameters
    ----------
    calls
        Calls by sample; rows of controls, or without reads, are left out.
    lineages
        Of :func:`~strandloom.workflows.taxonomy.ladder.lineages`.
    field
        The samples and the counts with their flags.
    sequences
        ``id, sequence``.
    classifier
        What made the calls.
    prefix
        Begins every occurrenceID.
    """
    best = {"species": "best", "species_probability": "best_probability", "lat": "called_lat"}
    samples = field.samples.filter(pl.col("kind").is_in(FIELD_KINDS)).rename({"reads": "total"}).drop("kind")
    marks = field.counts.select("sample", "id", "replicates", "of_replicates", "flags")
    rows = (
        calls.filter(pl.col("reads") > 0)
        .select(
            "sample",
            "id",
            "reads",
            "rank",
            "taxon",
            "probability",
            *_MOVED,
            *(pl.col(x).alias(y) for x, y in best.items()),
        )
        .join(samples, on="sample", how="inner", maintain_order="left")
        .join(marks, on=["sample", "id"], how="left", maintain_order="left")
        .join(sequences.select("id", "sequence"), on="id", how="left", maintain_order="left")
        .join(lineages, on=["rank", "taxon"], how="left", maintain_order="left")
    )
    named = pl.col("taxon") != ""
    terms = {
        "occurrenceID": pl.concat_str(pl.lit(f"{prefix}:" if prefix else ""), _escaped("sample"), pl.lit(":"), _escaped("id")),
        "eventID": pl.col("sample"),
        "parentEventID": pl.col("replicate_of"),
        "scientificName": pl.when(named).then(pl.col("taxon")),
        "taxonRank": pl.when(named).then(pl.col("rank")),
        **{rank: _filled(pl.col(rank)) for rank in ("kingdom", "phylum", *WIDEST_FIRST[:-1])},
        "identificationRemarks": _remarks(classifier),
        "decimalLatitude": pl.col("lat"),
        "decimalLongitude": pl.col("lon"),
        "eventDate": _filled(pl.col("date")),
        "minimumDepthInMeters": pl.col("depth"),
        "maximumDepthInMeters": pl.col("depth"),
        "organismQuantity": pl.col("reads"),
        "sampleSizeValue": pl.col("total"),
        "materialSampleID": pl.col("source"),
        "occurrenceRemarks": _doubts(),
        "DNA_sequence": pl.col("sequence"),
        "samp_name": pl.col("sample"),
    }  # fmt: skip
    return rows.select(value.alias(term) for term, value in terms.items())


def _escaped(name: str) -> pl.Expr:
    """A name without ``:`` and white space, so that two of them joined by ``:`` are unique."""
    text = pl.col(name).str.replace_all("%", "%25", literal=True).str.replace_all(":", "%3A", literal=True)
    return text.str.replace_all(r"\s", "%20")


def _filled(text: pl.Expr) -> pl.Expr:
    return pl.when(text != "").then(text)


def _number(name: str) -> pl.Expr:
    return pl.col(name).round(DIGITS)


def _remarks(classifier: Classifier) -> pl.Expr:
    """Who called it, how sure, and what the place had to do with it."""
    best = pl.format("best species {} ({})", _filled(pl.col("best")).fill_null("none"), _number("best_probability"))
    call = (
        pl.when(pl.col("rank") == RANKS[0])
        .then(pl.format("species probability {}", _number("probability")))
        .when(pl.col("taxon") != "")
        .then(pl.format("{} probability {}, {}", "rank", _number("probability"), best))
        .otherwise(pl.format("called at no rank, {}", best))
    )
    moved = pl.format(
        "location moved the best species from {} ({} by sequence alone) to {} ({})",
        _filled(pl.col("sequence_species")).fill_null("none"), _number("sequence_probability"), "best", _number("best_probability"),
    )  # fmt: skip
    place = (
        pl.when(pl.col("moved"))
        .then(moved)
        .when(pl.col("called_lat").is_not_null())
        .then(pl.lit("location did not change the best species"))
        .otherwise(pl.lit("by sequence alone, without a location"))
    )
    alone = pl.lit("by sequence alone")
    who = (
        f"{classifier.name} {classifier.version}, reference {classifier.reference}, threshold {classifier.threshold:g}"
    )
    return pl.concat_str(pl.lit(who), call, place if classifier.uses_places else alone, separator="; ")


def _doubts() -> pl.Expr:
    """In how many replicates it was seen, and its flags in words; null where there is nothing to say."""
    seen = pl.when(pl.col("of_replicates") > 1).then(
        pl.format("seen in {} of {} replicates", "replicates", "of_replicates")
    )
    words = pl.col("flags").str.replace_many(list(DETECTION_FLAGS), list(DETECTION_FLAGS.values()))
    doubts = pl.when(pl.col("flags") != "").then(pl.concat_str(pl.lit("doubtful: "), words))
    return _filled(pl.concat_str(seen, doubts, separator="; ", ignore_nulls=True))
