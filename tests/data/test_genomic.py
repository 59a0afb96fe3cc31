"""Tables of places on a genome."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from strandloom.alphabet import DNA
from strandloom.data.facts import facts
from strandloom.data.genomic import window_blocks
from strandloom.data.load import load
from strandloom.data.profile import profile_rows
from strandloom.data.settings import DataSettings
from strandloom.errors import InputError, SettingsError
from strandloom.experiment import check_experiment
from strandloom.io.genome import open_genome


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A genome of two contigs, and a table of places."""
    generator = np.random.default_rng(1)
    bases = ["".join(generator.choice(list("ACGT"), n)) for n in (100, 40)]
    (tmp_path / "g.fa").write_text(f">I\n{bases[0]}\n>II\n{bases[1]}\n")
    (tmp_path / "t.tsv").write_text(
        "chrom\tstart\tend\tstrand\tlabel\tscore\nI\t10\t20\t+\ta\t1.5\nII\t0\t4\t-\tb\t2\nI\t90\t99\t.\ta\t3\n"
    )
    return tmp_path


def settings(**changes: object) -> DataSettings:
    raw = {"table": "t.tsv", "genome": "g.fa", "target": "label", "window": {"length": 20}, **changes}
    return check_experiment({"data": raw}).data


def test_windows_around_places(place: Path) -> None:
    found = load(settings(), task="classes", resolve=lambda x: place / x, cache=place / "store")
    bases = (place / "g.fa").read_text().split("\n")[1::2]
    assert DNA.decode(found.codes[0]) == bases[0][5:25]
    turned = DNA.decode(DNA.reverse_complement(DNA.encode(bases[1][0:12])))
    assert DNA.decode(found.codes[1]) == turned
    assert DNA.decode(found.codes[2]) == bases[0][84:100]
    assert found.ids.to_list() == ["I:10-20", "II:0-4", "I:90-99"]
    assert found.columns["score"].to_list() == [1.5, 2.0, 3.0]
    assert found.columns["start"].to_list() == [10, 0, 90]
    assert found.target is not None
    assert found.target.names == ("a", "b")


def test_facts_count_the_bases_of_windows_over_an_end(place: Path) -> None:
    found = load(settings(), task="classes", resolve=lambda x: place / x, cache=place / "store")
    profile = profile_rows(found)
    bases = [(found.codes[i] < 4).sum() for i in range(3)]
    assert profile.length.tolist() == bases == [20, 12, 16]
    strong = [np.isin(found.codes[i], (1, 2)).sum() / n for i, n in enumerate(bases)]
    assert profile.gc.tolist() == pytest.approx(strong)
    assert facts(found).rows == 3


def test_ids_of_the_table_are_kept(place: Path) -> None:
    rows = (place / "t.tsv").read_text().splitlines()
    (place / "t.tsv").write_text(
        "\n".join(f"{line}\t{'id' if i == 0 else f'r{i}'}" for i, line in enumerate(rows)) + "\n"
    )
    found = load(settings(), task="classes", resolve=lambda x: place / x, cache=place / "store")
    assert found.ids.to_list() == ["r1", "r2", "r3"]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("I\t400\t410\t+\ta\t1", "the place 400 to 410 lies beyond its contig 'I' of 100 bases"),
        ("chrI\t1\t2\t+\ta\t1", "the genome has no contig 'chrI'"),
        ("I\tone\t2\t+\ta\t1", "the start 'one' is no whole number"),
        ("I\t9\t2\t+\ta\t1", "ends at 2, before it begins at 9"),
    ],
)
def test_faults_by_line(place: Path, row: str, words: str) -> None:
    with (place / "t.tsv").open("a") as handle:
        handle.write(row + "\n")
    with pytest.raises(InputError, match=words) as caught:
        load(settings(), task="classes", resolve=lambda x: place / x)
    assert "t.tsv:5" in str(caught.value)


def test_settings_that_do_not_fit(place: Path) -> None:
    with pytest.raises(SettingsError, match=r"genome needs window.length"):
        settings(window={})
    with pytest.raises(SettingsError, match="genome or sequence, not both"):
        settings(sequence="s")
    (place / "t.tsv").write_text("sequence\tlabel\nACGT\ta\n")
    with pytest.raises(InputError, match="need the columns chrom, start and end"):
        load(settings(), task="classes", resolve=lambda x: place / x)


@pytest.mark.parametrize("columns", [True, False])
def test_bed_has_no_names_of_columns(place: Path, columns: bool) -> None:
    genome = open_genome(place / "g.fa", cache=place / "store")
    (place / "p.bed").write_text("I\t10\t20\tReb1\nII\t0\t4\tAbf1\n")
    found = list(window_blocks(place / "p.bed", genome, length=20, columns=columns))
    assert [x for block in found for x in block.ids] == ["I:10-20", "II:0-4"]
    moved = next(iter(window_blocks(place / "p.bed", genome, length=20, windows=True)))
    assert moved.columns.select("start", "end").rows() == [(5, 25), (-8, 12)]


def test_a_window_of_padding_says_nothing(place: Path) -> None:
    genome = open_genome(place / "g.fa", cache=place / "store")
    (place / "far.tsv").write_text("chrom\tstart\tend\nI\t10\t20\nII\t10\t9000\n")
    with pytest.raises(InputError, match="beyond its contig 'II'") as caught:
        list(window_blocks(place / "far.tsv", genome, length=20))
    assert ":3" in str(caught.value)


@pytest.mark.parametrize("columns", [True, False])
@pytest.mark.parametrize(
    "text",
    [
        'browser position I:1-50\ntrack name="x, y" visibility=2\n#a comment\nI\t10\t20\nII\t0\t4\n',
        "# a\ntrack\nI\t10\t20\ntrack name=b\n# b\n\nII\t0\t4\n",
        "#chrom\tstart\tend\ntrack name=a\r\nI\t10\t20\nII\t0\t4\n",
        "#chrom\tstart\tend\nI\t10\t20\nII\t0\t4\n",
    ],
)
def test_lines_of_bed_that_are_no_places(place: Path, text: str, columns: bool) -> None:
    genome = open_genome(place / "g.fa", cache=place / "store")
    (place / "p.bed").write_text(text)
    (place / "p.bed.gz").write_bytes(gzip.compress(text.encode()))
    for path in (place / "p.bed", place / "p.bed.gz"):
        found = list(window_blocks(path, genome, length=20, columns=columns))
        assert [x for block in found for x in block.ids] == ["I:10-20", "II:0-4"]


def test_a_contig_may_be_called_track(place: Path) -> None:
    (place / "t.fa").write_text(">track\nACGTACGTACGT\n>track1\nACGTACGTACGT\n")
    genome = open_genome(place / "t.fa", cache=place / "other")
    (place / "p.bed").write_text("track1\t0\t4\ntrack\t0\t4\n")
    for columns in (True, False):
        (found,) = window_blocks(place / "p.bed", genome, length=4, columns=columns)
        assert found.ids.to_list() == ["track1:0-4", "track:0-4"]
    (place / "t.tsv").write_text("track_id\tchrom\tstart\tend\na\ttrack\t0\t4\n")
    (found,) = window_blocks(place / "t.tsv", genome, length=4)
    assert found.columns["track_id"].to_list() == ["a"]


def test_the_sixth_field_of_bed_is_the_strand(place: Path) -> None:
    """Row by row: one that holds something else does not change how others are read."""
    genome = open_genome(place / "g.fa", cache=place / "store")
    (place / "p.bed").write_text("".join(f"I\t10\t20\tx\t0\t{strand}\n" for strand in "-+.*"))
    minus, *plus = next(iter(window_blocks(place / "p.bed", genome, length=20))).codes.reshape(4, 20)
    assert len({x.tobytes() for x in plus}) == 1
    assert minus.tolist() == DNA.reverse_complement(plus[0][None])[0].tolist() != plus[0].tolist()


def test_a_table_without_places_is_refused_as_before(place: Path) -> None:
    genome = open_genome(place / "g.fa", cache=place / "store")
    (place / "v.vcf").write_text(
        "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\nI\t3\t.\tA\tC\t.\t.\t.\n"
    )
    with pytest.raises(InputError) as caught:
        list(window_blocks(place / "v.vcf", genome, length=20, columns=False))
    assert "strandloom variants" in (caught.value.hint or "")
    with pytest.raises(InputError, match="no such file"):
        list(window_blocks(place / "missing.bed", genome, length=20, columns=False))


def test_rows_at_fault_are_left_out_and_counted(place: Path) -> None:
    genome = open_genome(place / "g.fa", cache=place / "store")
    (place / "p.bed").write_text(
        "I\tx\t410\nI\t400\t410\nI\t10\t20\nchrI\t1\t2\nI\t9\t2\nII\t\t4\nII\t1\t4\nII\tone\t4\n"
    )
    with pytest.raises(InputError, match="the start 'x' is no whole number") as caught:
        list(window_blocks(place / "p.bed", genome, length=20))
    assert "p.bed:1" in str(caught.value)
    (found,) = window_blocks(place / "p.bed", genome, length=20, skip=True)
    assert found.ids.to_list() == ["I:10-20", "II:1-4"]
    assert found.columns["start"].to_list() == [10, 1]
    assert (found.letters.rows, found.letters.skipped_rows) == (2, 6)
    assert found.letters.skipped == (
        "the start 'x' is no whole number (line 1)",
        "the place 400 to 410 lies beyond its contig 'I' of 100 bases (line 2)",
        "the genome has no contig 'chrI' (line 4)",
        "the interval ends at 2, before it begins at 9 (line 5)",
        "the start '' is no whole number (line 6)",
        "the start 'one' is no whole number (line 8)",
    )
    (place / "p.bed").write_text("I\t400\t410\n")
    (found,) = window_blocks(place / "p.bed", genome, length=20, skip=True)
    assert (len(found), found.letters.skipped_rows) == (0, 1)
