"""Calls as occurrences."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from strandloom.io.darwin_core_write import DNA_TERMS, OCCURRENCE_TERMS
from strandloom.workflows.taxonomy.field import FieldResult, FieldSettings, clean_counts
from strandloom.workflows.taxonomy.ladder import lineages
from strandloom.workflows.taxonomy.lineage import RANKS, Taxonomy
from strandloom.workflows.taxonomy.markers import marker_named
from strandloom.workflows.taxonomy.occurrences import Classifier, dna_terms, occurrence_rows

SPECIES = [
    ("Clupea harengus", "Clupea", "Clupeidae", "Clupeiformes", "Actinopteri"),
    ("Clupea pallasii", "Clupea", "Clupeidae", "Clupeiformes", "Actinopteri"),
    ("Gadus macrocephalus", "Gadus", "Gadidae", "Gadiformes", "Actinopteri"),
]
TAXONOMY = Taxonomy.from_frame(pl.DataFrame(SPECIES, schema=list(RANKS), orient="row"))
CLASSIFIER = Classifier("strandloom taxonomy", "0.1.0", "mifish-2025", 0.9, uses_places=True)
CALLS = pl.DataFrame(
    [
        ("A", "species", "Clupea pallasii", 0.9712345, "Clupea pallasii", 0.9712345, "Clupea harengus", 0.62, True),
        ("B", "genus", "Gadus", 0.99, "Gadus macrocephalus", 0.7, "Gadus macrocephalus", 0.62, False),
        ("D", "unknown", "", 0.8, "Gadus macrocephalus", 0.1, "Gadus macrocephalus", 0.1, False),
    ],
    schema=[
        "id",
        "rank",
        "taxon",
        "probability",
        "species",
        "species_probability",
        *("sequence_species", "sequence_probability", "moved"),
    ],
    orient="row",
)
COUNTS = pl.DataFrame(
    [
        ("S1_a", "A", 100), ("S1_b", "A", 50), ("S1_a", "B", 20), ("S2", "B", 7), ("S2", "D", 5), ("NTC", "A", 60), ("PC", "D", 900),
        ("S3", "A", 1),
    ],
    schema={"sample": pl.String, "id": pl.String, "reads": pl.Int64},
    orient="row",
)  # fmt: skip
SAMPLES = pl.DataFrame(
    {
        "sample": ["S2", "S1_a", "S1_b", "NTC", "PC", "M1"],
        "sample_type": ["sample", "sample", "sample", "blank", "positive", "mock"],
        "replicate_of": [None, "S1", "S1", None, None, None],
        "lat": [60.1, 55.3, 55.3, None, None, None],
        "lon": [-165.5, -132.5, -132.5, None, None, None],
        "date": ["2023-08-01", "2023-09", "2023-09", None, None, None],
        "depth": [5.0, None, None, None, None, None],
    }
)
SEQUENCES = pl.DataFrame({"id": ["A", "B", "D"], "sequence": ["ACGT", "GGTT", "TTTT"]})


def field() -> FieldResult:
    return clean_counts(COUNTS, SAMPLES, settings=FieldSettings(min_total_reads=10))


def by_sample() -> pl.DataFrame:
    """Calls of each sequence in each sample."""
    return field().found.join(CALLS, on="id", maintain_order="left")


def rows(classifier: Classifier = CLASSIFIER, prefix: str = "") -> dict[str, dict[str, object]]:
    table = occurrence_rows(
        by_sample(),
        lineages(TAXONOMY),
        field(),
        sequences=SEQUENCES,
        classifier=classifier,
        prefix=prefix,
    )
    assert set(table.columns) <= {*OCCURRENCE_TERMS, *DNA_TERMS}
    return {row["occurrenceID"]: row for row in table.rows(named=True)}


def test_one_for_each_sequence_and_field_sample() -> None:
    controls = ("NTC", "PC", "M1")
    assert set(rows()) == {f"{sample}:{asv}" for sample, asv, _ in COUNTS.rows() if sample not in controls}
    assert set(rows(prefix="nbs23")) == {f"nbs23:{name}" for name in rows()}


def test_a_call_that_location_moved() -> None:
    assert rows()["S1_a:A"] == {
        "occurrenceID": "S1_a:A",
        "eventID": "S1_a",
        "parentEventID": "S1",
        "scientificName": "Clupea pallasii",
        "taxonRank": "species",
        "kingdom": "Animalia",
        "phylum": "Chordata",
        "class": "Actinopteri",
        "order": "Clupeiformes",
        "family": "Clupeidae",
        "genus": "Clupea",
        "identificationRemarks": "strandloom taxonomy 0.1.0, reference mifish-2025, threshold 0.9; species probability 0.9712; location "
        "moved the best species from Clupea harengus (0.62 by sequence alone) to Clupea pallasii (0.9712)",
        "decimalLatitude": 55.3,
        "decimalLongitude": -132.5,
        "eventDate": "2023-09",
        "minimumDepthInMeters": None,
        "maximumDepthInMeters": None,
        "organismQuantity": 100,
        "sampleSizeValue": 120,
        "materialSampleID": "S1",
        "occurrenceRemarks": "seen in 2 of 2 replicates; doubtful: of an ASV that was seen in a blank",
        "DNA_sequence": "ACGT",
        "samp_name": "S1_a",
    }


def test_wider_and_unknown_calls() -> None:
    found = rows()
    genus = found["S2:B"]
    assert (genus["scientificName"], genus["taxonRank"], genus["genus"], genus["family"]) == (
        "Gadus",
        "genus",
        "Gadus",
        "Gadidae",
    )
    assert str(genus["identificationRemarks"]).endswith(
        "; genus probability 0.99, best species Gadus macrocephalus (0.7); location did not change the best species"
    )
    assert (genus["minimumDepthInMeters"], genus["maximumDepthInMeters"], genus["sampleSizeValue"]) == (5.0, 5.0, 12)
    unknown = found["S2:D"]
    assert [unknown[x] for x in ("scientificName", "taxonRank", "kingdom", "class", "genus")] == [None] * 5
    assert "; called at no rank, best species Gadus macrocephalus (0.1); " in str(unknown["identificationRemarks"])


def test_what_is_known_of_the_place() -> None:
    placeless = rows()["S3:A"]
    assert placeless["decimalLatitude"] is None
    assert placeless["parentEventID"] is None
    assert placeless["materialSampleID"] == "S3"
    unmoved = by_sample().with_columns(pl.lit(None, pl.Float64).alias("lat"))
    found = occurrence_rows(unmoved, lineages(TAXONOMY), field(), sequences=SEQUENCES, classifier=CLASSIFIER)
    assert (
        found.filter(pl.col("samp_name") == "S2")["identificationRemarks"]
        .str.ends_with("; by sequence alone, without a location")
        .all()
    )
    assert str(rows(replace(CLASSIFIER, uses_places=False))["S2:B"]["identificationRemarks"]).endswith(
        "; by sequence alone"
    )


def test_ids_stay_apart() -> None:
    """Samples ``x`` and ``x:y`` with sequences ``y:A`` and ``A``."""
    names = {"S1_a": "x", "S2": "x:y", "A": "y:A", "B": "A", "S1_b": "x z"}
    swap = pl.col("sample", "id").replace(names)
    calls = by_sample().with_columns(swap)
    study = clean_counts(COUNTS.with_columns(swap), SAMPLES.with_columns(pl.col("sample").replace(names)))
    ids = occurrence_rows(calls, lineages(TAXONOMY), study, sequences=SEQUENCES, classifier=CLASSIFIER)["occurrenceID"]
    assert ids.n_unique() == len(ids)
    assert {"x:y%3AA", "x%3Ay:A", "x%20z:y%3AA"} <= set(ids.to_list())


def test_terms_of_the_marker() -> None:
    terms = dna_terms(marker_named("mifish"), CLASSIFIER)
    assert terms.target_gene == "12S rRNA"
    assert terms.target_subfragment == "mifish"
    assert terms.pcr_primer_forward == "GTCGGTAAAACTCGTGCCAGC"
    assert terms.pcr_primer_reference == "https://doi.org/10.1098/rsos.150088"
    assert terms.otu_db == "mifish-2025"
    assert terms.otu_seq_comp_appr == "strandloom taxonomy;0.1.0;probability >= 0.9"
