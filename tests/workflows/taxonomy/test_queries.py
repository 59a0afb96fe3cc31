"""Sequences as they come: primers, strands, places."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from strandloom.errors import InputError
from strandloom.workflows.taxonomy.queries import Queries, QueryReader
from strandloom.workflows.taxonomy.reference import Reference


@pytest.fixture(scope="module")
def reference(tiny: SimpleNamespace) -> Reference:
    rng = np.random.default_rng(1)
    root = tiny.bases(rng, 170)
    rows = [
        (f"Aaa sp{i:02d}", "Aaa", "", "", "", tiny.changed(root, rng, 8)[: int(rng.integers(140, 171))])
        for i in range(12)
    ]
    return tiny.reference(rows)


def read(reference: Reference, path: Path, **given: int) -> tuple[list[Queries], QueryReader]:
    reader = QueryReader(reference)
    return list(reader.blocks(path, **given)), reader


def table(folder: Path, *rows: str, name: str = "q.csv", header: str = "id,sequence,lat,lon") -> Path:
    path = folder / name
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def test_primers_are_cut_and_strands_turned(reference: Reference, tmp_path: Path, tiny: SimpleNamespace) -> None:
    inserts = reference.sequences
    texts, notes = [], []
    for i, insert in enumerate(inserts):
        both = tiny.flanked(insert)
        text, note = [
            (insert, ""),
            (both, "primers cut off"),
            (tiny.other_strand(insert), "turned round"),
            (tiny.other_strand(both), "primers cut off; turned round"),
            ("GATTACA" + both + "CCAT", "primers cut off"),
            (insert.lower(), ""),
        ][i % 6]
        texts.append(text)
        notes.append(note)
    fasta = tmp_path / "q.fasta"
    fasta.write_text("".join(f">s{i} some words\n{text}\n" for i, text in enumerate(texts)))
    (queries,), reader = read(reference, fasta)
    assert queries.frame["sequence"].to_list() == list(inserts)
    assert queries.ids.to_list() == [f"s{i}" for i in range(12)]
    assert queries.note.to_list() == notes
    assert np.isnan(queries.lat).all()
    assert np.isnan(queries.lon).all()
    facts = reader.facts
    assert (facts.sequences, facts.trimmed, facts.turned, facts.unclear, facts.located) == (12, 6, 4, 0, 0)
    parts, again = read(reference, fasta, block_rows=5)
    assert [len(x) for x in parts] == [5, 5, 2]
    whole = Queries.concat(parts)
    assert whole.frame.equals(queries.frame)
    assert whole.note.equals(queries.note)
    told = [(x.sequences, x.trimmed, x.turned, x.unclear, x.letters.bases) for x in (again.facts, reader.facts)]
    assert told[0] == told[1]
    rows = np.array([7, 0, 3])
    assert queries.take(rows).frame.equals(queries.frame[rows])


def test_what_is_like_nothing_stays_as_it_is(reference: Reference, tmp_path: Path) -> None:
    odd = "AC" * 75
    fasta = tmp_path / "q.fasta"
    fasta.write_text(f">a\n{odd}\n>b\nACGTN\n")
    (queries,), reader = read(reference, fasta)
    assert queries.frame["sequence"].to_list() == [odd, "NNNNN"]  # a stub would fit too many
    assert queries.note[1] == "too short to be judged"
    assert reader.facts.short == 1
    assert (reader.facts.unclear, reader.facts.turned) == (2, 0)


def test_places_of_sequences(reference: Reference, tmp_path: Path) -> None:
    text = reference.sequences[0]
    path = table(
        tmp_path,
        f"a;{text};39,425;-9,51",
        f"b;{text};;",
        f"c;{text};39°30'N;9 30 W",
        f"d;{text};NA;NA",
        header="id;sequence;Latitude;decimal_longitude",
    )
    (queries,), reader = read(reference, path)
    assert queries.lat.tolist()[::2] == [39.425, 39.5]
    assert queries.lon.tolist()[::2] == [-9.51, -9.5]
    assert np.isnan(queries.lat[1::2]).all()
    assert np.isnan(queries.lon[1::2]).all()
    assert reader.facts.located == 2
    moved = queries.placed(np.zeros(4), np.ones(4))
    assert (moved.lat.tolist(), moved.lon.tolist()) == ([0.0] * 4, [1.0] * 4)


def test_half_a_place_is_none(reference: Reference, tmp_path: Path) -> None:
    text = reference.sequences[0]
    path = table(tmp_path, f"a,{text},39.4,", f"b,{text},,9.5", f"c,{text},1,2")
    (queries,), reader = read(reference, path)
    assert np.isnan(queries.lat).tolist() == [True, True, False]
    assert np.isnan(queries.lon).tolist() == [True, True, False]
    assert reader.facts.located == 1


@pytest.mark.parametrize(
    ("rows", "message", "hint"),
    [
        (["a,{0},1,2", "b,{0},-132.5,55.3"], "1 places are not on the globe, the first at latitude -132.5", "swapped"),
        (["a,{0},91,200"], "not on the globe", "latitude lies between -90 and 90"),
        (["a,{0},10W,2"], "hemisphere W, which is no latitude", "decimal degrees"),
        (["a,{0},x,2"], "'x' is no coordinate", "decimal degrees"),
    ],
)
def test_places_that_are_none(reference: Reference, tmp_path: Path, rows: list[str], message: str, hint: str) -> None:
    path = table(tmp_path, *(row.format(reference.sequences[0]) for row in rows))
    with pytest.raises(InputError, match=message) as error:
        read(reference, path)
    assert hint in str(error.value.hint)
    assert f"record '{'b' if len(rows) > 1 else 'a'}'" in str(error.value.where)


def test_an_id_stands_twice(reference: Reference, tmp_path: Path) -> None:
    text = reference.sequences[0]
    path = tmp_path / "q.fasta"
    path.write_text(f">a\n{text}\n>b\n{text}\n>a\n{text}\n")
    for rows in (100, 2):
        with pytest.raises(InputError, match="the sequence 'a' stands there twice"):
            read(reference, path, block_rows=rows)


@pytest.mark.parametrize("text", [">a\nACGTJACGT\n", ">a\n\n>b\nACGT\n"], ids=["a letter", "an empty record"])
def test_hints_speak_of_sequences_and_not_of_settings(text: str, reference: Reference, tmp_path: Path) -> None:
    fasta = tmp_path / "q.fasta"
    fasta.write_text(text)
    with pytest.raises(InputError) as error:
        read(reference, fasta)
    assert error.value.hint
    assert "data." not in error.value.hint
