"""Counts of a field study: every rule against the same written out row by row."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from strandloom.errors import InputError
from strandloom.io.counts import read_counts
from strandloom.io.samples import read_samples
from strandloom.workflows.taxonomy.field import REMOVABLE, FieldSettings, clean_counts

COUNTS = {"sample": pl.String, "id": pl.String, "reads": pl.Int64}
SAMPLES = {
    "sample": pl.String,
    "sample_type": pl.String,
    "replicate_of": pl.String,
    "lat": pl.Float64,
    "lon": pl.Float64,
}


def counts(*rows: tuple[str, str, int]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=COUNTS, orient="row")


def samples(*rows: tuple[object, ...]) -> pl.DataFrame:
    return pl.DataFrame([(*row, *[None] * (5 - len(row))) for row in rows], schema=SAMPLES, orient="row")


def flags_of(result: pl.DataFrame, flag: str) -> list[tuple[str | None, str | None]]:
    return result.filter(pl.col("flag") == flag).select("sample", "id").rows()


def drawn(seed: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    rng = np.random.default_rng(seed)
    types = ["sample", "field sample", "blank", "NTC", "positive", "mock", "odd"]
    meta = [
        (f"s{s}", types[int(rng.integers(7))], f"r{rng.integers(6)}" if rng.random() < 0.8 else None) for s in range(20)
    ]
    cells = [
        (f"s{s}", f"a{a}", int(rng.integers(1, 30)))
        for s in range(2, 23)  # two samples without reads, three without metadata
        for a in range(12)
        if rng.random() < 0.4
    ]
    return counts(*cells), samples(*meta)


@pytest.mark.parametrize("seed", range(6))
def test_rules_against_a_slow_twin(seed: int) -> None:
    table, meta = drawn(seed)
    settings = FieldSettings(min_reads=4, min_replicates=2, min_total_reads=60, blank_factor=0.5, remove=())
    result = clean_counts(table, meta, settings=settings)
    kinds = {
        "sample": "sample",
        "field sample": "sample",
        "blank": "blank",
        "NTC": "blank",
        "positive": "positive",
        "mock": "mock",
    }
    kind = {name: kinds.get(said, "unknown") for name, said, *_ in meta.rows()}
    source = {name: of or name for name, _, of, *_ in meta.rows()}
    for name in table["sample"]:
        kind.setdefault(name, "unknown")
        source.setdefault(name, name)
    reads = {(sample, asv): n for sample, asv, n in table.rows()}
    total = {name: sum(n for (sample, _), n in reads.items() if sample == name) for name in kind}
    field = [name for name in kind if kind[name] in ("sample", "unknown")]
    blanks = [name for name in kind if kind[name] == "blank"]
    assert dict(result.samples.select("sample", "kind").rows()) == kind
    assert dict(result.samples.select("sample", "reads").rows()) == total
    assert dict(result.samples.select("sample", "source").rows()) == source

    def fellows(name: str) -> list[str]:
        return [x for x in kind if source[x] == source[name] and kind[x] == kind[name] and total[x]]

    expected: dict[str, list[tuple[str | None, str | None]]] = {flag: [] for flag in REMOVABLE}
    for sample, asv, n in table.rows():
        own = fellows(sample)
        seen = sum(reads.get((x, asv), 0) >= 4 for x in own)
        row = result.counts.filter((pl.col("sample") == sample) & (pl.col("id") == asv)).row(0, named=True)
        assert (row["replicates"], row["of_replicates"], row["kind"]) == (seen, len(own), kind[sample])
        if sample not in field:
            continue
        most = max((reads.get((x, asv), 0) for x in blanks), default=0)
        if n < 4:
            expected["few_reads"].append((sample, asv))
        if len(own) > 1 and seen < min(2, len(own)):
            expected["few_replicates"].append((sample, asv))
        if n < 0.5 * most:
            expected["below_blank"].append((sample, asv))
    for flag in ("few_reads", "few_replicates", "below_blank"):
        assert flags_of(result.flags, flag) == expected[flag]
    assert set(flags_of(result.flags, "low_depth")) == {(x, None) for x in field if 0 < total[x] < 60}
    assert set(flags_of(result.flags, "deep_blank")) == {(x, None) for x in blanks if total[x] >= 60}
    assert set(flags_of(result.flags, "no_reads")) == {(x, None) for x in kind if not total[x]}
    assert set(flags_of(result.flags, "no_metadata")) == {(x, None) for x in kind if x not in set(meta["sample"])}
    odd = {name for name, said, *_ in meta.rows() if said == "odd"}
    assert set(flags_of(result.flags, "unknown_type")) == {(x, None) for x in odd}
    assert {(None, x) for x in {asv for sample, asv in reads if sample in blanks}} == set(
        flags_of(result.flags, "in_blank")
    )
    assert not result.flags["removed"].any()
    assert result.counts.select(table.columns).equals(table)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("remove", [(), ("low_depth",), ("in_blank", "few_reads"), REMOVABLE])
def test_only_what_is_asked_is_removed(seed: int, remove: tuple[str, ...]) -> None:
    table, meta = drawn(seed)
    settings = FieldSettings.model_validate(
        {"min_reads": 4, "min_replicates": 2, "min_total_reads": 60, "remove": remove}
    )
    result = clean_counts(table, meta, settings=settings)
    field = {name for name, kind in result.samples.select("sample", "kind").rows() if kind in ("sample", "unknown")}
    kept, removed = [], dict.fromkeys(REMOVABLE, (0, 0))
    for sample, asv, n in table.rows():
        own = [
            flag
            for flag in REMOVABLE
            if sample in field
            and any(s in (sample, None) and a in (asv, None) for s, a in flags_of(result.flags, flag))
        ]
        for flag in set(own) & set(remove):
            removed[flag] = (removed[flag][0] + 1, removed[flag][1] + n)
        if not set(own) & set(remove):
            kept.append((sample, asv, n, "; ".join(own)))
    assert result.counts.select("sample", "id", "reads", "flags").rows() == kept
    assert result.facts.removed == {flag: found for flag, found in removed.items() if found[0]}
    assert result.flags.filter("removed")["flag"].is_in(remove).all()
    assert result.samples["reads"].sum() == table["reads"].sum()


def test_nothing_is_removed_unless_a_number_is_raised() -> None:
    table, meta = drawn(1)
    assert clean_counts(table, meta).counts.height == table.height
    raised = clean_counts(table, meta, settings=FieldSettings(min_reads=10)).counts
    field = pl.col("kind").is_in(["sample", "unknown"])
    least = {part: raised.filter(rows)["reads"].min() for part, rows in (("field", field), ("controls", ~field))}
    assert least == {"field": 10, "controls": 1}


def test_replicates() -> None:
    table = counts(("S1_A", "x", 9), ("S1_B", "x", 1), ("S1_B", "y", 9), ("S2", "x", 1), ("B1", "x", 1), ("B2", "y", 1))
    meta = samples(
        ("S1_A", "sample", "S1"), ("S1_B", "sample", "S1"), ("S1_C", "sample", "S1"), ("S2", "sample"),
        ("B1", "blank", "S1"), ("B2", "blank", "S1"),
    )  # fmt: skip
    result = clean_counts(table, meta, settings=FieldSettings(min_replicates=3))
    counted = result.counts.select("sample", "id", "replicates", "of_replicates").rows()
    assert counted == [
        ("S1_A", "x", 2, 2),
        ("S1_B", "x", 2, 2),
        ("S2", "x", 1, 1),
        ("B1", "x", 1, 2),
        ("B2", "y", 1, 2),
    ]
    flag = result.flags.filter(pl.col("flag") == "few_replicates")
    assert flag["reason"].to_list() == ["seen in 1 of 2 replicates of S1, fewer than 3"]
    assert flag["removed"].to_list() == [True]
    assert (result.facts.replicated, result.facts.seen, result.facts.seen_once) == (1, 2, 1)


def test_places_of_controls_do_not_count() -> None:
    meta = samples(("S1", "sample", None, 60.5, -165.0), ("B1", "field blank", None, 60.5, -165.0))
    found = clean_counts(counts(("S1", "x", 1), ("B1", "x", 2), ("S3", "x", 3)), meta).found
    assert found.rows() == [("S1", "x", 1, 60.5, -165.0), ("B1", "x", 2, None, None), ("S3", "x", 3, None, None)]


def test_counts_without_metadata() -> None:
    result = clean_counts(counts(("S1", "x", 1), ("Blank_2", "x", 0), ("NTC", "y", 2)))
    assert result.samples.select("sample", "kind", "source", "reads").rows() == [
        ("S1", "sample", "S1", 1),
        ("NTC", "sample", "NTC", 2),
    ]
    assert flags_of(result.flags, "named_like_control") == [("NTC", None)]
    assert flags_of(result.flags, "no_metadata") == []
    text = "\n".join(result.facts.lines())
    assert "no metadata of samples" in text
    assert (
        "named like controls but treated as field samples (if they are controls, say so in sample_type): 1 (NTC)"
        in text
    )


def test_what_cannot_be_used() -> None:
    with pytest.raises(InputError, match="no read"):
        clean_counts(counts(("S1", "x", 0)))
    with pytest.raises(
        InputError, match=r"no sample of the count table has metadata: it has S1; the metadata have T1, T2"
    ):
        clean_counts(counts(("S1", "x", 1)), samples(("T1",), ("T2",)))
    with pytest.raises(ValueError, match="remove"):
        FieldSettings.model_validate({"remove": ["no_reads"]})


@pytest.mark.realdata
def test_the_bering_sea(real_data: Path) -> None:
    folder = real_data / "edna_nbs23"
    table, meta = read_counts(folder / "counts.tsv.gz").frame, read_samples(folder / "samples.tsv.gz").frame
    result = clean_counts(table, meta)
    facts = result.facts
    assert facts.kinds == {"sample": 441, "blank": 90, "positive": 6}
    assert facts.types == {
        ("field_blank", "blank"): 48,
        ("pcr_blank", "blank"): 42,
        ("positive", "positive"): 6,
        ("sample", "sample"): 441,
    }
    assert (facts.reads, facts.field_reads, facts.located, facts.replicated) == (8_338_735, 8_162_308, 441, 147)
    assert facts.flags["no_reads"].count == 537 - 514
    assert "no_metadata" not in facts.flags
    assert facts.jumps.ids == ("ASV_0013", "ASV_0085")
    assert facts.jumps.native == ()
    assert facts.jumps.leaving == pytest.approx(65 / (115_210 + 4_250 + 65))
    assert facts.jumps.entering == pytest.approx((119_504 - 115_210 - 4_250) / 119_504)
    blank = dict(meta.filter(pl.col("sample_type").str.ends_with("blank")).select("sample", "sample_type").rows())
    dirty: dict[str, int] = {}
    for sample, asv, n in table.rows():
        if sample in blank:
            dirty[asv] = max(dirty.get(asv, 0), n)
    assert dict(result.contaminants.select("id", "most_in_blank").rows()) == dirty
    low = sum(
        n < dirty.get(asv, 0) for sample, asv, n in table.rows() if sample not in blank and not sample.startswith("PC-")
    )
    assert facts.flags["below_blank"].count == low
    assert result.counts.height == table.height
    twice = clean_counts(table, meta, settings=FieldSettings(min_replicates=2))
    kept = twice.counts.filter(pl.col("kind") == "sample")
    assert kept.filter((pl.col("replicates") < 2) & (pl.col("of_replicates") > 1)).is_empty()
    assert twice.facts.removed["few_replicates"][0] == table.height - twice.counts.height
