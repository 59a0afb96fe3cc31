"""The files of an assignment."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from strandloom.errors import OutputError
from strandloom.io.darwin_core_write import DnaTerms, SharedTerms
from strandloom.workflows.taxonomy.field import FieldResult, FieldSettings, clean_counts
from strandloom.workflows.taxonomy.lineage import RANKS, Taxonomy
from strandloom.workflows.taxonomy.occurrences import Classifier, OccurrenceSettings
from strandloom.workflows.taxonomy.outputs import Block, Outputs, rounded, write_outputs, written_calls

FILES = {
    "assignments.tsv", "assignments.parquet", "assignments_by_sample.tsv", "assignments_by_sample.parquet", "candidates.tsv", "taxa.tsv",
    "qiime2_taxonomy.tsv", "flags.tsv", "darwin_core/occurrence.tsv", "darwin_core/dna_derived_data.tsv", "darwin_core/meta.xml",
}  # fmt: skip


SPECIES = [
    ("Clupea harengus", "Clupea", "Clupeidae", "Clupeiformes", "Actinopteri"),
    ("Clupea pallasii", "Clupea", "Clupeidae", "Clupeiformes", "Actinopteri"),
    ("Gadus macrocephalus", "Gadus", "Gadidae", "Gadiformes", "Actinopteri"),
    ("Halichoerus grypus", "Halichoerus", "Phocidae", "Carnivora", "Mammalia"),
]
TAXONOMY = Taxonomy.from_frame(pl.DataFrame(SPECIES, schema=list(RANKS), orient="row"))
CLASSIFIER = Classifier("strandloom taxonomy", "0.1.0", "mifish-2025", 0.9, uses_places=True)
CALLS = {
    "A": ("species", "Clupea pallasii", 0.9712345678, "Clupea harengus", True),
    "B": ("genus", "Gadus", 0.99, "Gadus macrocephalus", False),
    "C": ("species", "Halichoerus grypus", 1.0, "Halichoerus grypus", False),
    "D": ("unknown", "", 0.8, "Gadus macrocephalus", False),
}
"""Sequence to rank, taxon, probability, best species without location, and whether location moved it."""
BEST = {"A": 1, "B": 2, "C": 3, "D": 2}
COUNTS = pl.DataFrame(
    [
        ("S1_a", "A", 100), ("S1_b", "A", 50), ("S1_a", "B", 20), ("S2", "B", 7), ("S2", "D", 3), ("S2", "C", 2), ("NTC", "A", 60),
        ("PC", "C", 900), ("S3", "A", 1),
    ],
    schema={"sample": pl.String, "id": pl.String, "reads": pl.Int64},
    orient="row",
)  # fmt: skip
SAMPLES = pl.DataFrame(
    {
        "sample": ["S2", "S1_a", "S1_b", "NTC", "PC", "M1"],
        "sample_type": ["sample", "sample", "sample", "blank", "positive", "mock"],
        "replicate_of": [None, "S1", "S1", None, None, None],
        "lat": [60.123456789, 55.3, 55.3, None, None, None],
        "lon": [-165.5, -132.5, -132.5, None, None, None],
        "date": ["2023-08-01", "2023-09", "2023-09", None, None, None],
        "depth": [5.0, None, None, None, None, None],
    }
)
SEQUENCES = pl.DataFrame({"id": ["A", "B", "C", "D"], "sequence": ["ACGT", "GGTT", "CCAA", "TTTT"]})


def field() -> FieldResult:
    return clean_counts(COUNTS, SAMPLES, settings=FieldSettings(min_total_reads=10))


def called(rows: pl.DataFrame) -> pl.DataFrame:
    """Calls of rows of ``id[, sample], reads, lat, lon``."""
    out = []
    for row in rows.rows(named=True):
        rank, taxon, probability, alone, moved = CALLS[row["id"]]
        best = SPECIES[BEST[row["id"]]]
        taxa = {
            k: v
            for name, value in zip(RANKS, best, strict=True)
            for k, v in ((name, value), (f"{name}_probability", probability))
        }
        head = {key: row[key] for key in ("id", "sample") if key in row}
        out.append(
            head
            | {
                "rank": rank,
                "taxon": taxon,
                "probability": probability,
                **taxa,
                "unknown_probability": -0.0,
                "fish": row["id"] != "C",
            }
            | {
                "reads": row["reads"],
                "sequence_species": alone,
                "sequence_probability": 0.62,
                "moved": moved,
                "differences": 0,
            }
            | {"nearest": best[0], "sd": float("nan"), "lat": row["lat"], "lon": row["lon"], "note": ""}
        )
    return pl.DataFrame(out, infer_schema_length=None)


def block(*ids: str, counted: bool = True) -> Block:
    """The block of some sequences."""
    found = field().found.filter(pl.col("id").is_in(ids)).sort("id", "sample")
    alone = pl.DataFrame({"id": ids, "reads": [1] * len(ids), "lat": [60.0] * len(ids), "lon": [-165.0] * len(ids)})
    by_sample = called(found) if counted else called(field().found).clear()
    candidates = pl.DataFrame(
        {
            "id": ids,
            "order_number": [1] * len(ids),
            "species": [SPECIES[BEST[x]][0] for x in ids],
            "probability": [1 / 3] * len(ids),
        }
    )
    return Block(called(alone), by_sample, candidates, SEQUENCES.filter(pl.col("id").is_in(ids)))


def written(
    folder: Path, *blocks: Block, study: FieldResult | None = None, settings: OccurrenceSettings = OccurrenceSettings()
) -> Outputs:
    return write_outputs(
        folder,
        blocks,
        taxonomy=TAXONOMY,
        classifier=CLASSIFIER,
        field=study,
        dna=DnaTerms(target_gene="12S rRNA"),
        settings=settings,
    )


def inside(folder: Path) -> dict[str, bytes]:
    return {str(x.relative_to(folder)): x.read_bytes() for x in sorted(folder.rglob("*")) if x.is_file()}


def table(path: Path) -> pl.DataFrame:
    return pl.read_csv(path, separator="\t", infer_schema=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    written(tmp_path / "out", block("A", "B", "C", "D"), study=field())
    return tmp_path / "out"


def test_files_and_what_is_said_of_them(tmp_path: Path) -> None:
    found = written(tmp_path, block("A", "B", "C", "D"), study=field())
    assert set(inside(tmp_path)) == FILES
    words = {str(path.relative_to(tmp_path)): text for path, text in found.files}
    assert all((tmp_path / name).exists() for name in words)
    assert {x.split("/")[0] for x in FILES} == set(words)
    assert words["assignments.tsv"] == "4 sequences by the rank they are called at: 2 species, 1 genus, 1 unknown"
    assert words["assignments_by_sample.tsv"] == "9 finds of a sequence in a sample, each called at its place"
    assert words["taxa.tsv"] == "3 taxa in field samples, 2 of them species; not fish: 1"
    assert words["darwin_core"].startswith("6 occurrences")
    assert found.notes[:2] == (
        "not in Darwin Core, found in blanks, positive controls and mock communities: 2",
        "not in Darwin Core, called at no rank: 1",
    )
    assert all(note.startswith("Darwin Core: re") for note in found.notes[2:])


def test_same_bytes_however_cut(folder: Path, tmp_path: Path) -> None:
    written(tmp_path / "again", block("A", "B", "C", "D"), study=field())
    assert inside(tmp_path / "again") == inside(folder)
    written(tmp_path / "cut", block("A"), block("B", "C"), block("D"), study=field())
    cut = inside(tmp_path / "cut")
    assert cut == {
        name: data if name.endswith((".tsv", ".xml")) else cut[name] for name, data in inside(folder).items()
    }
    for name in ("assignments", "assignments_by_sample"):
        one, other = (pl.read_parquet(x / f"{name}.parquet") for x in (folder, tmp_path / "cut"))
        assert one.equals(other)


def test_tables_of_calls(folder: Path) -> None:
    for name, frame in (("assignments", block(*CALLS).assignments), ("assignments_by_sample", block(*CALLS).by_sample)):
        text, stored = table(folder / f"{name}.tsv"), pl.read_parquet(folder / f"{name}.parquet")
        assert text.columns == stored.columns == frame.columns
        assert stored.equals(rounded(frame))
        assert text["probability"].cast(pl.Float64).equals(stored["probability"])
        assert text["unknown_probability"].unique().to_list() == ["0.0"]
        assert text["sd"].null_count() == text.height
    assert table(folder / "assignments.tsv")["probability"][0] == "0.971235"
    assert table(folder / "candidates.tsv")["probability"].unique().to_list() == ["0.333333"]
    assert table(folder / "flags.tsv").columns == ["flag", "sample", "id", "reads", "reason", "removed"]


def test_the_taxonomy_of_qiime(folder: Path) -> None:
    lines = (folder / "qiime2_taxonomy.tsv").read_text().splitlines()
    assert lines == [
        "Feature ID\tTaxon\tConfidence",
        "A\tk__Animalia; p__Chordata; c__Actinopteri; o__Clupeiformes; f__Clupeidae; g__Clupea; s__Clupea pallasii\t0.971235",
        "B\tk__Animalia; p__Chordata; c__Actinopteri; o__Gadiformes; f__Gadidae; g__Gadus\t0.99",
        "C\tk__Animalia; p__Chordata; c__Mammalia; o__Carnivora; f__Phocidae; g__Halichoerus; s__Halichoerus grypus\t1.0",
        "D\tUnassigned\t0.8",
    ]


def slow_taxa() -> Iterator[tuple[str, str, int, int, int, int]]:
    """Taxon, rank, ASVs, samples, sources and reads in field samples."""
    source = {"S1_a": "S1", "S1_b": "S1"}
    finds = defaultdict(list)
    for sample, asv, reads in COUNTS.rows():
        if sample not in ("NTC", "PC"):
            finds[CALLS[asv][:2]].append((asv, sample, source.get(sample, sample), reads))
    for (rank, taxon), own in sorted(finds.items(), key=lambda item: (not item[0][1], -sum(x[3] for x in item[1]))):
        yield taxon, rank, *(len({x[i] for x in own}) for i in range(3)), sum(x[3] for x in own)


def test_taxa(folder: Path) -> None:
    taxa = pl.read_csv(folder / "taxa.tsv", separator="\t").with_columns(pl.col("taxon").fill_null(""))
    assert taxa.select("taxon", "rank", "asvs", "samples", "sources", "reads").rows() == list(slow_taxa())
    assert taxa["fish"].to_list() == [True, True, False, None]
    assert taxa.select(RANKS[::-1]).row(1) == ("Actinopteri", "Gadiformes", "Gadidae", "Gadus", None)


def test_darwin_core(folder: Path, tmp_path: Path) -> None:
    core = table(folder / "darwin_core" / "occurrence.tsv")
    assert core["occurrenceID"].to_list() == ["S1_a:A", "S1_b:A", "S3:A", "S1_a:B", "S2:B", "S2:C"]
    assert core["decimalLatitude"].to_list() == ["55.3", "55.3", None, "55.3", "60.123457", "60.123457"]
    extension = table(folder / "darwin_core" / "dna_derived_data.tsv")
    assert extension["occurrenceID"].equals(core["occurrenceID"])
    assert extension["target_gene"].unique().to_list() == ["12S rRNA"]
    found = written(
        tmp_path, block(*CALLS), study=field(), settings=OccurrenceSettings(unknown="incertae_sedis", prefix="N")
    )
    named = dict(table(tmp_path / "darwin_core" / "occurrence.tsv").select("occurrenceID", "scientificName").rows())
    assert len(named) == 7
    assert named["N:S2:D"] == "incertae sedis"
    assert "occurrences without a name, written as incertae sedis: 1" in found.notes


def test_without_counts(folder: Path) -> None:
    """Files of the earlier run that are not written now are taken away; other people's files are not."""
    (folder / "darwin_core" / "mine.txt").write_text("x")
    found = written(folder, block(*CALLS, counted=False))
    assert set(inside(folder)) == {
        "assignments.tsv", "assignments.parquet", "candidates.tsv", "taxa.tsv", "qiime2_taxonomy.tsv", "darwin_core/mine.txt",
    }  # fmt: skip
    assert found.notes == ("no Darwin Core tables: an occurrence needs a sample, so give --counts and --samples",)
    taxa = pl.read_csv(folder / "taxa.tsv", separator="\t")
    assert taxa["asvs"].to_list() == [1] * 4
    assert taxa["reads"].null_count() == 4
    assert {path.name for path, _ in found.files} == {Path(x).name for x in inside(folder)} - {"mine.txt"}


def test_nothing_to_publish(tmp_path: Path) -> None:
    found = written(tmp_path, block("D"), study=field())
    assert not (tmp_path / "darwin_core").exists()
    assert found.notes == (
        "counts of ASVs without a sequence, in no table: 8",
        "not in Darwin Core, called at no rank: 1",
        "no Darwin Core tables: no call in a field sample is an occurrence",
    )
    assert (tmp_path / "taxa.tsv").read_text().splitlines()[1].split("\t")[1] == "unknown"


def test_people_are_no_news(tmp_path: Path) -> None:
    study, own = field(), block("C")
    names = TAXONOMY.to_frame().with_columns(pl.col("species").replace("Halichoerus grypus", "Homo sapiens"))
    human = own._replace(by_sample=own.by_sample.with_columns(pl.lit("Homo sapiens").alias("taxon")))
    found = write_outputs(
        tmp_path, [human], taxonomy=type(TAXONOMY).from_frame(names), classifier=CLASSIFIER, field=study
    )
    assert "occurrences of Homo sapiens, to be taken out before you publish: 1" in found.notes


def test_shared_terms(tmp_path: Path) -> None:
    shared = SharedTerms(datasetName="Bering Sea")
    write_outputs(
        tmp_path,
        [block("A")],
        taxonomy=TAXONOMY,
        classifier=replace(CLASSIFIER, version="2"),
        field=field(),
        shared=shared,
    )
    core = table(tmp_path / "darwin_core" / "occurrence.tsv")
    assert core["datasetName"].unique().to_list() == ["Bering Sea"]
    assert core["identificationRemarks"].str.starts_with("strandloom taxonomy 2, ").all()


def test_a_run_that_fails_leaves_the_files_before_it(folder: Path, tmp_path: Path) -> None:
    before = inside(folder)

    def broken() -> Iterator[Block]:
        yield block("A")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_outputs(folder, broken(), taxonomy=TAXONOMY, classifier=CLASSIFIER, field=field())
    assert inside(folder) == before
    with pytest.raises(OutputError, match="no row was written"):
        written(tmp_path / "none", study=field())
    with pytest.raises(KeyboardInterrupt):
        write_outputs(tmp_path / "new", broken(), taxonomy=TAXONOMY, classifier=CLASSIFIER, field=field())
    assert not (tmp_path / "new").exists()


def test_calls_are_read_back(folder: Path, tmp_path: Path) -> None:
    calls = written_calls(folder, counted=True)
    assert calls.assignments.collect().equals(rounded(block(*CALLS).assignments))
    assert calls.by_sample.collect().equals(rounded(block(*CALLS).by_sample))
    written(tmp_path / "alone", block(*CALLS, counted=False))
    assert written_calls(tmp_path / "alone", counted=False).by_sample.select("id", "sample").collect().is_empty()
