"""Every kind of split through the one call, with its errors."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
from pydantic import TypeAdapter, ValidationError

from strandloom.alphabet import DNA
from strandloom.data.split.core import TEST, TRAIN, UNUSED, VALIDATION, make_splits
from strandloom.data.split.homology import components
from strandloom.data.split.settings import SplitSettings
from strandloom.data.targets import Target
from strandloom.errors import InputError, StrandloomError

ADAPTER = TypeAdapter(SplitSettings)


def rows(n=200, length=60, classes=2, seed=0, target="classes", **columns):
    generator = np.random.default_rng(seed)
    codes = generator.integers(0, 4, (n, length)).astype(np.uint8)
    made = {
        "classes": lambda: Target("classes", generator.integers(0, classes, n), tuple("abcdefgh"[:classes]), "y"),
        "value": lambda: Target("value", generator.normal(size=(n, 1)).astype(np.float32), ("v",), "v"),
        "labels": lambda: Target("labels", generator.integers(0, 2, (n, 3)).astype(np.float32), ("p", "q", "r"), "p"),
        "none": lambda: None,
    }[target]()
    return SimpleNamespace(
        codes=codes,
        lengths=np.full(n, length, np.int32),
        ids=pl.Series("id", [f"r{i + 1}" for i in range(n)]),
        columns=pl.DataFrame(columns) if columns else pl.DataFrame({"other": np.arange(n)}),
        target=made,
    )


def split(dataset, **settings):
    return make_splits(dataset, ADAPTER.validate_python(settings))


def one(dataset, **settings):
    (only,) = split(dataset, **settings)
    assert len(only) == len(dataset.codes)
    assert only.part.dtype == np.uint8
    assert only.how.endswith(".")
    assert sum(only.counts().values()) == len(only)
    return only


@pytest.mark.parametrize("target", ["classes", "value", "labels", "none"])
@pytest.mark.parametrize("kind", ["random", "stratified", "homology"])
def test_sampled_splits_hold_the_asked_fractions(kind, target):
    data = rows(500, target=target)
    made = one(data, kind=kind, validation=0.1, test=0.2, seed=3)
    assert [len(made.rows(p)) for p in (TRAIN, VALIDATION, TEST)] == pytest.approx([350, 50, 100], abs=2)
    assert np.array_equal(made.part, one(data, kind=kind, seed=3).part)
    assert not np.array_equal(made.part, one(data, kind=kind, seed=4).part)


def test_stratified_keeps_a_rare_class_and_the_spread_of_values():
    data = rows(1000)
    data.target.values[:] = np.arange(1000) < 20
    made = one(data, kind="stratified")
    assert [int(data.target.values[made.rows(p)].sum()) for p in range(3)] == pytest.approx([14, 2, 4], abs=1)
    data = rows(1000, target="value")
    made = one(data, kind="stratified")
    assert abs(np.mean(data.target.values[made.rows(TEST)])) - abs(np.mean(data.target.values)) < 0.05


def test_homology_keeps_relatives_together_and_does_not_depend_on_row_order():
    data = rows(600)
    data.codes[200:400] = DNA.reverse_complement(data.codes[:200])
    data.codes[400:, 25:] = data.codes[:200, 25:]
    made = one(data, kind="homology", seed=2)
    assert np.array_equal(made.component, components(data.codes, data.lengths))
    for part in (made.part[200:400], made.part[400:]):
        assert np.array_equal(part, made.part[:200])
    assert "600 of 600 rows (100.0 %) have a near duplicate; 200 components, the largest of 3 rows." in made.notes
    order = np.random.default_rng(9).permutation(600)
    moved = SimpleNamespace(
        codes=data.codes[order],
        lengths=data.lengths,
        ids=data.ids,
        columns=data.columns,
        target=data.target.take(order),
    )
    assert np.array_equal(one(moved, kind="homology", seed=2).part, made.part[order])


def test_homology_warns_of_a_giant_component():
    data = rows(300)
    data.codes[:90, :40] = data.codes[0, :40]
    made = one(data, kind="homology", k=8)
    assert any("larger than the smallest part" in note for note in made.notes)
    assert not any("larger than the smallest part" in note for note in one(rows(300), kind="homology").notes)


def test_group():
    gene = [f"g{i // 7}" for i in range(200)]
    made = one(rows(200, gene=gene), kind="group", column="gene")
    assert pl.DataFrame({"g": gene, "p": made.part}).group_by("g").agg(pl.col("p").n_unique())["p"].max() == 1
    assert len(made.rows(TEST)) == pytest.approx(40, abs=7)
    with pytest.raises(InputError, match="2 different values"):
        split(rows(4, gene=list("aabb")), kind="group", column="gene")


def test_given_column_in_any_spelling():
    names = ["Train", "valid", "DEV", "test ", "train", "val", "validation", "drop"] * 5
    made = one(rows(40, split=names, target="none"), kind="column", unused=["drop"])
    assert made.part[:8].tolist() == [TRAIN, VALIDATION, VALIDATION, TEST, TRAIN, VALIDATION, VALIDATION, UNUSED]
    assert any("5 rows (12.5 %) are in no part" in note for note in made.notes)


def test_given_column_without_validation_takes_homologs_of_train():
    data = rows(400, split=["train"] * 300 + ["test"] * 100)
    data.codes[150:300] = data.codes[:150]
    made = one(data, kind="column")
    assert np.array_equal(made.part[:150], made.part[150:300])
    assert len(made.rows(VALIDATION)) == pytest.approx(30, abs=2)
    assert set(made.part[300:]) == {TEST}
    assert "10% of the training rows" in made.notes[0]


def test_numbers_can_name_parts():
    made = one(rows(30, fold=[0, 1, 2] * 10), kind="column", column="fold", train=["0"], validation=["1"], test=["2"])
    assert made.part.tolist() == [0, 1, 2] * 10


def test_conditions():
    depth = np.arange(200) % 100
    source = ["native", "random"] * 100
    data = rows(200, depth=depth, source=source, good=[True] * 150 + [False] * 50)
    made = one(
        data,
        kind="condition",
        test=[
            {"column": "depth", "op": ">=", "value": 80},
            {"column": "source", "op": "==", "value": "native"},
        ],
        validation=[{"column": "depth", "op": "in", "value": [0, 1, 2, 3]}],
    )
    assert np.array_equal(made.part == TEST, (depth >= 80) & (np.array(source) == "native"))
    assert np.array_equal(made.part == VALIDATION, depth < 4)
    made = one(data, kind="condition", test=[{"column": "good", "op": "==", "value": False}])
    assert len(made.rows(TEST)) == 50
    assert len(made.rows(VALIDATION)) == pytest.approx(15, abs=1)
    assert "No row is named for validation" in made.notes[0]


@pytest.mark.parametrize(
    ("op", "expected"),
    [("==", [2.0]), ("!=", [1.0, 3.0]), ("<", [1.0]), ("<=", [1.0, 2.0]), (">", [3.0]), (">=", [2.0, 3.0])],
)
def test_empty_cells_meet_no_condition(op, expected):
    data = rows(50, x=[1.0, 2.0, 3.0, None, float("nan")] * 10, target="none")
    made = one(data, kind="condition", test=[{"column": "x", "op": op, "value": 2}])
    assert np.array_equal(made.part == TEST, data.columns["x"].is_in(expected).fill_null(False).to_numpy())


@pytest.mark.parametrize(("side", "sign"), [("top", 1), ("bottom", -1)])
@pytest.mark.parametrize("source", ["next", "random"])
def test_quantile_takes_the_end_with_its_ties(side, sign, source):
    reads = np.random.default_rng(0).poisson(30, 1000)
    made = one(rows(1000, t0=reads), kind="quantile", column="t0", test=0.05, side=side, validation_from=source)
    test = sign * reads[made.rows(TEST)]
    assert test.min() > (sign * reads[made.part != TEST]).max()
    assert 50 <= len(test) <= 90
    assert (test > test.min()).sum() < 50
    assert 90 <= len(made.rows(VALIDATION)) <= 170
    if source == "next":
        assert (sign * reads[made.rows(VALIDATION)]).min() > (sign * reads[made.rows(TRAIN)]).max()


def test_chromosome():
    chrom = [f"chr{i % 5 + 1}" for i in range(200)]
    made = one(rows(200, chrom=chrom), kind="chromosome", test=["chr2"], validation=["chr3"], unused=["chr5"])
    assert made.part[:5].tolist() == [TRAIN, TEST, VALIDATION, TRAIN, UNUSED]
    made = one(rows(200, chrom=chrom), kind="chromosome", test=["chr2"])
    assert "became it" in made.notes[0]


def test_chromosome_from_ids():
    data = rows(6)
    data.ids = pl.Series("id", [f"chr{i % 3}:{i}-{i + 9}" for i in range(6)])
    made = one(data, kind="chromosome", test=["chr2"], validation=["chr1"])
    assert made.part.tolist() == [TRAIN, VALIDATION, TEST] * 2


@pytest.mark.parametrize("by", ["rows", "homology", "gene"])
@pytest.mark.parametrize("stratified", [True, False])
def test_folds_test_every_row_once(by, stratified):
    data = rows(300, gene=[f"g{i % 40}" for i in range(300)])
    data.codes[200:] = data.codes[:100]
    made = split(data, kind="folds", k=5, by=by, stratified=stratified)
    assert [x.name for x in made] == [f"fold {i} of 5" for i in range(1, 6)]
    assert np.array_equal(sum((x.part == TEST).astype(int) for x in made), np.ones(300, int))
    for x in made:
        assert len(x.rows(TEST)) == pytest.approx(60, abs=1 if by != "gene" else 8)
        assert len(x.rows(VALIDATION)) == pytest.approx(24, abs=2 if by != "gene" else 8)
        units = {"rows": None, "homology": np.r_[:200, :100], "gene": np.arange(300) % 40}[by]
        if units is not None:
            table = pl.DataFrame({"u": units, "p": x.part}).group_by("u").agg(pl.col("p").n_unique())
            assert table["p"].max() == 1


def test_a_given_fold_column():
    fold = [str(i % 12) for i in range(240)]
    made = split(rows(240, fold=fold), kind="folds", column="fold")
    assert [x.name for x in made] == [f"fold {i}" for i in range(12)]
    assert all(np.array_equal(x.part == TEST, np.array(fold) == str(i)) for i, x in enumerate(made))
    assert "names 12 folds" in made[0].notes[0]
    assert all(len(x.rows(VALIDATION)) == pytest.approx(22, abs=1) for x in made)


def test_leave_one_group_out():
    donor = [f"d{i % 6}" for i in range(120)]
    made = split(rows(120, donor=donor), kind="leave_one_group_out", column="donor")
    assert [x.name for x in made] == [f"donor = d{i}" for i in range(6)]
    for i, x in enumerate(made):
        assert np.array_equal(x.part == TEST, np.array(donor) == f"d{i}")
        assert len(set(np.array(donor)[x.rows(VALIDATION)])) == 1


def test_a_class_absent_from_test_is_a_note():
    data = rows(60, split=["train", "val", "test"] * 20)
    data.target.values[:] = (np.arange(60) % 3 == 0) & (np.arange(60) > 30)
    made = one(data, kind="column")
    assert "The test part has no row of class 'b'." in made.notes
    assert "The validation part has no row of class 'b'." in made.notes


WRONG = [
    ({"kind": "column"}, rows(9), "no column 'split'; its columns: other"),
    ({"kind": "column", "column": "spilt"}, rows(9, split=["train"] * 9), "did you mean 'split'"),
    (
        {"kind": "column"},
        rows(3, split=["train", "tset", "test"]),
        "values that name no part: 'tset' (first in row 2); known: dev, test",
    ),
    ({"kind": "column"}, rows(3, split=["train", None, "test"]), "empty in 1 rows, first in record 'r2'"),
    ({"kind": "column"}, rows(3, split=["train", "val", "train"]), "no row of column 'split' names the test part"),
    ({"kind": "column"}, rows(2, split=["dev", "test"]), "the train part of the split is empty"),
    ({"kind": "column", "train": ["test"]}, rows(2, split=["dev", "test"]), "named as two different parts"),
    ({"kind": "chromosome", "test": ["2"]}, rows(2, chrom=["chr1", "chr2"]), "has no '2'; it has: chr1, chr2"),
    ({"kind": "chromosome", "test": ["1"], "unused": ["1"]}, rows(2, chrom=["1", "2"]), "named in two parts"),
    ({"kind": "quantile", "column": "x"}, rows(3, x=["a", "b", "c"]), "not numeric"),
    (
        {"kind": "quantile", "column": "x"},
        rows(3, x=[1.0, None, 2.0]),
        "no finite number in 1 rows, first in record 'r2'",
    ),
    ({"kind": "quantile", "column": "x"}, rows(30, x=[1] * 30), "train part of the split is empty"),
    (
        {"kind": "condition", "test": [{"column": "other", "op": ">", "value": "9"}]},
        rows(9),
        "numeric but is compared with text",
    ),
    ({"kind": "condition", "test": [{"column": "x", "op": ">", "value": 9}]}, rows(2, x=["a", "b"]), "holds text; >"),
    ({"kind": "condition", "test": [{"column": "x", "op": "==", "value": 1}]}, rows(2, x=[True, False]), "true/false"),
    ({"kind": "condition", "test": [{"column": "other", "op": ">", "value": 99}]}, rows(9), "no row meets"),
    ({"kind": "folds", "k": 10}, rows(9), "9 rows cannot make 10 parts"),
    ({"kind": "folds", "k": 5, "by": "g"}, rows(9, g=[1, 2, 3] * 3), "3 groups cannot make 5 parts"),
    ({"kind": "folds", "k": 2, "by": "nope"}, rows(9), "no column 'nope'"),
    ({"kind": "leave_one_group_out", "column": "g"}, rows(4, g=[1, 2] * 2), "2 groups in column 'g' cannot make 3"),
    ({"kind": "random"}, rows(2), "part of the split is empty"),
    ({"kind": "homology", "k": 12}, rows(30, length=11), "k = 12 is longer than the longest sequence"),
]


@pytest.mark.parametrize(("settings", "data", "message"), WRONG)
def test_bad_input_gets_one_clear_error(settings, data, message):
    with pytest.raises(StrandloomError) as caught:
        split(data, **settings)
    assert message in str(caught.value)


def test_a_class_absent_from_train_is_an_error():
    data = rows(30, split=["train", "val", "test"] * 10, classes=3)
    data.target.values[:] = np.arange(30) % 3
    with pytest.raises(InputError, match="absent from the training part: classes 'b', 'c'"):
        split(data, kind="column")


@pytest.mark.parametrize(
    "settings",
    [
        {"kind": "random", "test": 0.9, "validation": 0.1},
        {"kind": "random", "test": 0},
        {"kind": "nope"},
        {"kind": "folds", "k": 1},
        {"kind": "condition", "test": []},
        {"kind": "condition", "test": [{"column": "x", "op": "in", "value": 3}]},
        {"kind": "condition", "test": [{"column": "x", "op": "==", "value": [3]}]},
        {"kind": "condition", "test": [{"column": "x", "op": "eval", "value": 3}]},
        {"kind": "homology", "k": 20},
    ],
)
def test_bad_settings_are_refused(settings):
    with pytest.raises(ValidationError):
        ADAPTER.validate_python(settings)
