"""Blocks of sequences to tables."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from strandloom.workflows.taxonomy.assign_block import Assigner, Tables
from strandloom.workflows.taxonomy.lineage import RANKS
from strandloom.workflows.taxonomy.outputs import CANDIDATE_COLUMNS
from strandloom.workflows.taxonomy.queries import Queries, QueryReader
from strandloom.workflows.taxonomy.ragged import encoded
from strandloom.workflows.taxonomy.settings import AssignSettings

PAIR = ("Alpha australis", "Alpha borealis")
COLUMNS = [
    "id", "rank", "taxon", "probability", *(x for rank in RANKS for x in (rank, f"{rank}_probability")), "unknown_probability",
    "fish", "reads", "sequence_species", "sequence_probability", "moved", "differences", "nearest", "sd", "lat", "lon", "note",
]  # fmt: skip


@pytest.fixture(scope="module")
def homes(tiny: SimpleNamespace) -> list[tuple[float, float]]:
    """A place of each species of the pair that has one sequence."""
    lives = tiny.world()[1]
    return [tiny.centres[lives[name][0]] for name in PAIR]


def sequences(trained: SimpleNamespace, tiny: SimpleNamespace) -> dict[str, str]:
    """The shared sequence, others, changed ones, one of an unknown genus of the family, and nothing."""
    own = trained.model.match.reference
    rng = np.random.default_rng(5)
    shared = own.sequences[own.haplotype[int(np.argmax(own.species == own.taxonomy.lookup(PAIR[0])))]]
    texts = {f"q{i}": tiny.changed(own.sequences[i], rng, i % 4) for i in range(0, own.haplotypes, 3)}
    return {"pair": shared, **texts, "far": tiny.changed(shared, rng, 25), "nothing": "N" * 60}


def queries(trained: SimpleNamespace, texts: dict[str, str], places: dict[str, tuple[float, float]] | None = None) -> Queries:  # fmt: skip
    at = np.array([(places or {}).get(x, (np.nan, np.nan)) for x in texts]).reshape(-1, 2)
    reader = QueryReader(trained.model.match.reference)
    codes, offsets = encoded(pl.Series(list(texts.values())))
    return reader.prepare(pl.Series("id", list(texts)), codes, offsets, at[:, 0], at[:, 1])


def found(homes: list[tuple[float, float]]) -> pl.DataFrame:
    rows = [
        ("S1", "pair", 30, *homes[0]), ("S2", "pair", 10, *homes[1]), ("BLANK", "pair", 99, None, None),
        ("S1", "q0", 4, *homes[0]), ("BLANK", "q3", 5, None, None), ("S2", "q6", 1, *homes[1]),
    ]  # fmt: skip
    return pl.DataFrame(
        rows,
        schema={"sample": pl.String, "id": pl.String, "reads": pl.Int64, "lat": pl.Float64, "lon": pl.Float64},
        orient="row",
    )


def tables(trained: SimpleNamespace, asked: Queries, **given: object) -> Tables:
    settings = AssignSettings(**{k: given.pop(k) for k in list(given) if k in AssignSettings.model_fields})
    return Assigner(trained.model, settings, **given).block(asked)  # type: ignore[arg-type]


def near(one: pl.DataFrame, two: pl.DataFrame) -> None:
    assert_frame_equal(one, two, rel_tol=1e-3, abs_tol=1e-6)


@pytest.fixture(scope="module")
def texts(trained: SimpleNamespace, tiny: SimpleNamespace) -> dict[str, str]:
    return sequences(trained, tiny)


def test_without_a_place_or_counts(trained: SimpleNamespace, texts: dict[str, str]) -> None:
    got = tables(trained, queries(trained, texts))
    frame = got.assignments
    assert frame.columns == COLUMNS
    assert frame["id"].to_list() == list(texts)
    assert got.by_sample.height == 0
    assert got.by_sample.columns == ["id", "sample", *COLUMNS[1:]]
    assert frame["reads"].null_count() == len(texts)
    assert not frame["moved"].any()
    assert frame["species"].equals(frame["sequence_species"].rename("species"))
    for rank in RANKS:
        called = frame.filter(pl.col("rank") == rank)
        assert called["taxon"].equals(called[rank].rename("taxon"))
        assert called["probability"].equals(called[f"{rank}_probability"].rename("probability"))
        assert (called["probability"] >= 0.9).all()
    pair = frame.row(0, named=True)
    assert pair["species"] in PAIR
    assert pair["species_probability"] < 0.9
    assert (pair["rank"], pair["taxon"], pair["differences"]) == ("genus", "Alpha", 0)
    nothing = frame.row(-1, named=True)
    assert (nothing["rank"], nothing["taxon"], nothing["species"], nothing["fish"]) == ("unknown", "", "", False)
    assert (nothing["probability"], nothing["unknown_probability"], nothing["differences"]) == (1.0, 1.0, None)
    exact = frame.filter(pl.col("id") == "q12")
    assert exact["differences"].to_list() == [0]
    assert exact["nearest"].equals(exact["species"].rename("nearest"))
    assert exact["fish"].to_list() == [True]


def test_candidates_are_read_back_by_their_place(trained: SimpleNamespace, texts: dict[str, str]) -> None:
    assert dict(tables(trained, queries(trained, texts)).candidates.schema) == CANDIDATE_COLUMNS


def test_places_decide_and_it_is_said(
    trained: SimpleNamespace, texts: dict[str, str], homes: list[tuple[float, float]]
) -> None:
    alone = tables(trained, queries(trained, texts)).assignments
    for name, home in zip(PAIR, homes, strict=True):
        got = tables(trained, queries(trained, texts, {"pair": home}))
        pair = got.assignments.row(0, named=True)
        assert pair["species"] == name
        assert pair["species_probability"] > 0.8
        assert pair["moved"] == (name != alone["species"][0])
        assert pair["sequence_probability"] == alone["sequence_probability"][0]
        assert (pair["lat"], pair["lon"]) == home
        near(got.assignments[1:], alone[1:])
        best = got.candidates.filter(pl.col("id") == "pair").sort("order_number")
        assert best["species"][0] == name
        assert best["range"][0] == "listed here"
        assert best["distance_km"][0] < 60
        other = best.filter(pl.col("species") == PAIR[name == PAIR[0]])
        assert best["range_score"][0] > other["range_score"].max() if other.height else True


def test_samples_weigh_by_reads(
    trained: SimpleNamespace, texts: dict[str, str], homes: list[tuple[float, float]]
) -> None:
    got = tables(trained, queries(trained, texts), found=found(homes))
    assert got.by_sample.select("id", "sample", "reads").rows() == [
        ("pair", "BLANK", 99), ("pair", "S1", 30), ("pair", "S2", 10), ("q0", "S1", 4), ("q3", "BLANK", 5), ("q6", "S2", 1),
    ]  # fmt: skip
    sums = dict(got.assignments.select("id", "reads").iter_rows())
    assert (sums["pair"], sums["q0"], sums["q3"], sums["q9"]) == (139, 4, 5, 0)
    alone = tables(trained, queries(trained, texts)).assignments
    blank, first, second = (got.by_sample.row(i, named=True) for i in range(3))
    assert blank["species_probability"] == alone["species_probability"][0]
    assert blank["lat"] is None
    assert [first["species"], second["species"]] == list(PAIR)
    pair = got.assignments.row(0, named=True)
    assert (pair["lat"], pair["lon"]) == homes[0]  # of most reads
    each = [tables(trained, queries(trained, {"pair": texts["pair"]}, {"pair": home})).candidates for home in homes]
    mixed = dict.fromkeys(PAIR, 0.0)
    for share, one in zip((0.75, 0.25), each, strict=True):
        for s, p in one.select("species", "probability").iter_rows():
            if s in mixed:
                mixed[s] += share * p
    assert pair["species_probability"] == pytest.approx(max(mixed.values()), abs=2e-3)
    low = tables(trained, queries(trained, texts), found=found(homes), threshold=0.3).assignments.row(0, named=True)
    assert (low["rank"], low["taxon"]) == ("species", pair["species"])
    assert low["sd"] == pytest.approx((0.75 * 0.25) ** 0.5, abs=0.1)  # the places do not agree
    shown = got.candidates.filter(pl.col("id") == "pair")
    assert dict(shown.select("species", "probability").iter_rows())[PAIR[0]] == pytest.approx(mixed[PAIR[0]], abs=2e-3)


def test_one_place_for_all(trained: SimpleNamespace, texts: dict[str, str], homes: list[tuple[float, float]]) -> None:
    everywhere = dict.fromkeys(texts, homes[0])
    one = tables(trained, queries(trained, texts), elsewhere=homes[0])
    two = tables(trained, queries(trained, texts, everywhere))
    near(one.assignments, two.assignments)
    near(one.candidates, two.candidates)


@pytest.mark.parametrize("bootstraps", [0, 7])
def test_the_size_of_blocks_does_not_matter(
    bootstraps: int, trained: SimpleNamespace, texts: dict[str, str], homes: list[tuple[float, float]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    given = {"found": found(homes), "bootstraps": bootstraps, "least": 0.0}
    asked = queries(trained, texts, {"q9": homes[1]})
    whole = tables(trained, asked, **given)
    monkeypatch.setattr("strandloom.workflows.taxonomy.assign_block.BOOTSTRAP_ROWS", 20)
    parts = [tables(trained, asked.take(np.arange(a, min(a + 3, len(asked)))), **given) for a in range(0, len(asked), 3)]  # fmt: skip
    near(pl.concat([x.assignments for x in parts]), whole.assignments)
    near(pl.concat([x.by_sample for x in parts]), whole.by_sample)


def test_candidates_in_order(trained: SimpleNamespace, texts: dict[str, str]) -> None:
    got = tables(trained, queries(trained, texts), candidates=3, least=0.0)
    for identity, own in got.candidates.group_by("id", maintain_order=True):
        assert own["order_number"].to_list() == list(range(1, own.height + 1))
        assert own["probability"].is_sorted(descending=True)
        row = got.assignments.filter(pl.col("id") == identity[0])
        assert own["species"][0] == row["species"][0]
        assert own["probability"][0] == pytest.approx(row["species_probability"][0])
        assert own["probability"].equals(own["sequence_probability"].rename("probability"))
        assert own["distance_km"].null_count() == own.height
        assert (own["range_score"] == 0).all()
    assert got.candidates.group_by("id").len()["len"].max() == 3
    assert "nothing" not in got.candidates["id"]
    sure = tables(trained, queries(trained, texts), candidates=48, least=0.2).candidates
    assert (sure.filter(pl.col("order_number") > 1)["probability"] >= 0.2).all()
    records = dict(got.candidates.select("species", "records").iter_rows())
    assert records[PAIR[0]] == 3
    first = got.candidates.row(0, named=True)
    assert (first["id"], first["equal_records"], first["differences"]) == ("pair", 3, 0)


def test_bootstraps_draw_for_each_sequence_by_itself(
    trained: SimpleNamespace, texts: dict[str, str], homes: list[tuple[float, float]]
) -> None:
    asked = queries(trained, texts, {"pair": homes[0]})
    one, two, other = (tables(trained, asked, bootstraps=20, seed=x).assignments for x in (1, 1, 2))
    assert one.equals(two)
    assert not one.equals(other)
    order = np.arange(len(asked))[::-1]
    near(tables(trained, asked.take(order), bootstraps=20).assignments[::-1], one)
    plain = tables(trained, asked).assignments
    assert one["sd"].sum() > 0
    assert ((one["species_probability"] - plain["species_probability"]).abs() < 0.35).all()
    assert one["species"][0] == PAIR[0]


def test_bootstraps_do_not_move_what_has_no_place(
    trained: SimpleNamespace,
) -> None:
    """Moved is what a place has moved; masked bases may change the best species too."""
    own = trained.model.match.reference
    names = ("Beta communis", "Beta dubius")
    first, second = (own.sequences[own.haplotype[np.argmax(own.species == own.taxonomy.lookup(x))]] for x in names)
    apart = [i for i, (x, y) in enumerate(zip(first, second, strict=True)) if x != y]
    between = "".join(second[i] if i in apart[::2] else x for i, x in enumerate(first))
    close = {f"x{i}": between for i in range(60)}
    got = tables(trained, queries(trained, close), bootstraps=1).assignments
    plain = tables(trained, queries(trained, close)).assignments
    assert (got["species"] != plain["species"]).any()
    assert not got["moved"].any()
