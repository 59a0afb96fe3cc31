"""Count tables: every shape gives the same long table, and what is no count is refused with its line."""

from __future__ import annotations

import gzip
import zipfile
from pathlib import Path

import h5py
import numpy as np
import polars as pl
import pytest

from strandloom.errors import InputError
from strandloom.io.counts import Counts, read_counts

ROWS = {("S1", "A", 5), ("S1", "B", 7), ("S2", "B", 9)}
IDS, SAMPLES = ["A", "B", "C"], ["S1", "S2", "S3"]
ONE, TWO = "ACGTACGTACGTACGTACGTA", "ACGTACGTACGTACGTACGTC"


def write(path: Path, text: str) -> Path:
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def biom(path: Path, matrix: list[list[float]]) -> Path:
    dense = np.array(matrix, float)
    rows, columns = np.nonzero(dense)
    with h5py.File(path, "w") as file:
        file.create_dataset("observation/ids", data=IDS[: len(matrix)], dtype=h5py.string_dtype())
        file.create_dataset("sample/ids", data=SAMPLES[: len(matrix[0])], dtype=h5py.string_dtype())
        file["observation/matrix/data"] = dense[rows, columns]
        file["observation/matrix/indices"] = columns.astype(np.int32)
        file["observation/matrix/indptr"] = np.searchsorted(rows, np.arange(len(matrix) + 1)).astype(np.int32)
    return path


def check(found: Counts, kind: str, rows: set[tuple[str, str, int]] = ROWS) -> None:
    assert found.frame.schema == {"sample": pl.String, "id": pl.String, "reads": pl.Int64}
    assert set(found.frame.rows()) == rows
    assert found.kind == kind
    assert found.facts.reads == sum(row[2] for row in rows)


@pytest.mark.parametrize(
    "text",
    [
        "sample_id\tasv_id\treads\nS1\tA\t5\nS1\tB\t7\nS2\tA\t0\nS2\tB\t9\n",
        "Reads,ASV,Sample Name\n5,A,S1\n7.0,B,S1\n9,B,S2\n",
        "count;#OTU ID;sampleid;note\n5;A;S1;x\n7;B;S1;\n;A;S2;\n9;B;S2;\n",
    ],
)
def test_long_tables(tmp_path: Path, text: str) -> None:
    check(read_counts(write(tmp_path / "c.tsv.gz", text)), "long table of samples and ASVs")


def test_rows_of_one_pair_are_added(tmp_path: Path) -> None:
    found = read_counts(write(tmp_path / "c.csv", "sample,asv,reads\nS1,A,2\nS1,A,3\nS1,B,7\nS2,B,9\n"))
    check(found, "long table of samples and ASVs")
    assert found.facts.repeated == 1


@pytest.mark.parametrize(
    ("text", "ignored"),
    [
        ("# Constructed from biom file\n#OTU ID\tS1\tS2\nA\t5.0\t0.0\nB\t7.0\t9.0\n", ()),
        (
            "# Constructed from biom file\n#OTU ID\tS1\tS2\ttaxonomy\nA\t5.0\t0.0\tk__A\nB\t7.0\t9.0\tk__B\n",
            ("taxonomy",),
        ),
        ("Feature ID,S1,S2\nA,5,\nB,7,9\n", ()),
        (f"sequence,asv_id,S1,S2\n{ONE},A,5,0\n{TWO},B,7,9\n", ("sequence",)),
    ],
)
def test_asvs_in_rows(tmp_path: Path, text: str, ignored: tuple[str, ...]) -> None:
    found = read_counts(write(tmp_path / "c.txt", text))
    check(found, "table of ASVs × samples")
    assert found.facts.ignored == ignored


@pytest.mark.parametrize("header", ["sample\tA\tB", "\tA\tB", "A\tB", '""\t"A"\t"B"'])
def test_samples_in_rows(tmp_path: Path, header: str) -> None:
    path = write(tmp_path / "c.tsv", f"{header}\nS1\t5\t7\nS2\t0\t9\n")
    check(read_counts(path, ids=IDS, samples=SAMPLES), "table of samples × ASVs")


@pytest.mark.parametrize("known", [{"ids": IDS}, {"samples": SAMPLES}, {"ids": IDS, "samples": SAMPLES}])
@pytest.mark.parametrize("flipped", [False, True])
def test_known_ids_decide_which_way_round(tmp_path: Path, known: dict[str, list[str]], flipped: bool) -> None:
    text = "x,S1,S2\nA,5,0\nB,7,9\n" if flipped else "x,A,B\nS1,5,7\nS2,0,9\n"
    found = read_counts(write(tmp_path / "c.csv", text), **known)
    check(found, "table of ASVs × samples" if flipped else "table of samples × ASVs")


@pytest.mark.parametrize("text", [f",{ONE},{TWO}\nS1,5,7\nS2,0,9\n", f",S1,S2\n{ONE},5,0\n{TWO},7,9\n"])
def test_dada2_names_asvs_by_their_sequence(tmp_path: Path, text: str) -> None:
    found = read_counts(write(tmp_path / "c.csv", text), ids=IDS)
    assert found.facts.sequences_as_ids
    assert set(found.frame.rows()) == {("S1", ONE, 5), ("S1", TWO, 7), ("S2", TWO, 9)}


def test_a_long_table_by_sequence(tmp_path: Path) -> None:
    found = read_counts(write(tmp_path / "c.csv", f"sample,sequence,reads\nS1,{ONE},5\n"))
    assert found.facts.sequences_as_ids


def test_biom(tmp_path: Path) -> None:
    found = read_counts(biom(tmp_path / "c.biom", [[5, 0, 0], [7, 9, 0], [0, 0, 0]]))
    check(found, "BIOM 2 file")
    assert (found.facts.samples, found.facts.ids) == (3, 3)


def test_an_artefact(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "c.qza", "w") as archive:
        archive.writestr("u/metadata.yaml", "uuid: u\ntype: FeatureTable[Frequency]\nformat: BIOMV210DirFmt\n")
        archive.write(biom(tmp_path / "c.biom", [[5, 0], [7, 9]]), "u/data/feature-table.biom")
    check(read_counts(tmp_path / "c.qza"), "QIIME 2 artefact FeatureTable[Frequency]")


def test_parquet(tmp_path: Path) -> None:
    pl.DataFrame({"asv_id": ["A", "B"], "S1": [5, 7], "S2": [0, 9]}).write_parquet(tmp_path / "c.parquet")
    check(read_counts(tmp_path / "c.parquet"), "table of ASVs × samples")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sample,asv,reads\nS1,A,5\nS1,B,-7\n", ":3: '-7' in the column 'reads' is no count"),
        ("sample,asv,reads\nS1,A,5\nS1,B,0.25\n", ":3: '0.25' in the column 'reads' is no count"),
        ("sample,asv,reads\nS1,A,x\n", ":2: 'x' in the column 'reads' is no count"),
        ("sample,asv,reads\nS1,A,inf\n", ":2: 'inf' in the column 'reads' is no count"),
        ("sample,asv,reads\n,A,1\n", ":2: the column 'sample' is empty"),
        ("sample,species,reads\nS1,x,1\n", "no column names the ASVs or taxa; columns: sample, species, reads"),
        ("#OTU ID\tS1\tS2\nA\t1\t2\nB\t0.5\t2\n", ":3: '0.5' in the column 'S1' is no count"),
        ("#OTU ID\tS1\nA\t1\nA\t2\n", ":3: 'A' stands twice in the column '#OTU ID'"),
        ("#OTU ID\tS1\nA\t1\n\t2\n", ":3: the column '#OTU ID' is empty"),
        ("#OTU ID\ttaxonomy\nA\tx\n", "no column holds counts"),
        ("#OTU ID\tS1\tS2\nA\t0\t0\nB\t0\t0\n", "the count table has no read: 2 samples and 2 ASVs, all of them 0"),
        ("sample,asv,reads\n", "a header line but no rows"),
        ("", "the file is empty"),
        ("x,P,Q\nK,1,2\nL,3,4\n", "cannot be told which are the samples: the rows are K, L, the columns P, Q; none of them is known"),
        ("sample,asv,reads\nS1,K,5\n", "none of the ASVs of the count table is known: it has K; known are A, B, C"),
        ("sample,asv,reads\nK,A,5\n", "none of the samples of the count table is known: it has K; known are S1, S2, S3"),
        ('{"id": null, "format": "Biological Observation Matrix 1.0.0"}', "this is a BIOM 1 (JSON) table"),
    ],
)  # fmt: skip
def test_faults(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        read_counts(write(tmp_path / "c.txt", text), ids=IDS, samples=SAMPLES)
    assert message in str(caught.value)


@pytest.mark.parametrize("value", [-1.0, 0.5, float("nan")])
def test_biom_of_no_counts(tmp_path: Path, value: float) -> None:
    with pytest.raises(InputError, match="is no count: 'B' in sample 'S1'"):
        read_counts(biom(tmp_path / "c.biom", [[5], [value]]))


def test_another_artefact_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "c.qza", "w") as archive:
        archive.writestr("u/metadata.yaml", "uuid: u\ntype: FeatureTable[RelativeFrequency]\n")
    with pytest.raises(InputError, match=r"is FeatureTable\[RelativeFrequency\]; FeatureTable\[Frequency\] is needed"):
        read_counts(tmp_path / "c.qza")


def test_every_shape_gives_the_same_reads(tmp_path: Path) -> None:
    matrix = np.random.default_rng(0).poisson(0.4, (40, 7))  # (ASVs, samples)
    asvs, samples = [f"A{i}" for i in range(40)], [f"S{i}" for i in range(7)]
    wide = pl.DataFrame(matrix, schema=samples).insert_column(0, pl.Series("asv_id", asvs))
    across = pl.DataFrame(matrix.T.copy(), schema=asvs).insert_column(0, pl.Series("sample_id", samples))
    long = wide.unpivot(index="asv_id", variable_name="sample_id", value_name="reads")
    expected = set(long.filter(pl.col("reads") > 0).select("sample_id", "asv_id", "reads").iter_rows())
    for i, table in enumerate((wide, across, long)):
        table.write_csv(tmp_path / f"{i}.tsv", separator="\t")
        assert set(read_counts(tmp_path / f"{i}.tsv").frame.iter_rows()) == expected


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no such file"):
        read_counts(tmp_path / "c.tsv")


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("study", "samples", "ids", "reads"),
    [
        ("edna_nbs23", 514, 775, 8_338_735),
        ("edna_berlengas", 35, 568, 3_210_977),
        ("edna_nearshore_mock", 562, 859, 6_902_047),
    ],
)
def test_real_studies(real_data: Path, study: str, samples: int, ids: int, reads: int) -> None:
    facts = read_counts(real_data / study / "counts.tsv.gz").facts
    assert (facts.samples, facts.ids, facts.reads) == (samples, ids, reads)
