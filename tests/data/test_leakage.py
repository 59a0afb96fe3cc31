from __future__ import annotations

import dataclasses
import json
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from strandloom.alphabet import DNA
from strandloom.data.leakage import leakage, leakage_of_all, nearest, nearest_rows
from strandloom.data.split.core import Split, make_splits
from strandloom.data.split.settings import ColumnSplit, FoldsSplit, HomologySplit, RandomSplit
from strandloom.data.targets import Target


def dataset(codes, target=None, columns=None):
    return SimpleNamespace(
        codes=codes,
        lengths=(codes < DNA.pad).sum(axis=1).astype(np.int32),
        ids=pl.Series("id", [f"r{i}" for i in range(len(codes))]),
        columns=pl.DataFrame() if columns is None else columns,
        target=target,
    )


def random_codes(rows, length, seed=0):
    return np.random.default_rng(seed).integers(0, 4, (rows, length)).astype(np.uint8)


@pytest.fixture
def planted():
    """Parts of 100, 20, 30 rows; test 0-3 exact, 4-6 reverse complement, 7-11 near; the labels of 2 and 4 differ."""
    codes = random_codes(150, 80)
    test = codes[120:]
    test[:4] = codes[10:14]
    test[4:7] = DNA.reverse_complement(codes[20:23])
    test[7:12] = codes[30:35]
    test[7:12, 40] = (test[7:12, 40] + 1) % 4
    codes[100] = codes[0]
    labels = np.zeros(150, np.int64)
    labels[[122, 124]] = 1
    part = np.repeat([0, 1, 2], [100, 20, 30]).astype(np.uint8)
    return dataset(codes, Target("classes", labels, ("a", "b"), "y")), Split(part, "planted.")


def test_planted_relatives_are_counted_once_each(planted):
    report = leakage(*planted)
    assert [(x.part, x.other) for x in report.pairs] == [
        ("test", "train"),
        ("validation", "train"),
        ("test", "validation"),
    ]
    main = report.pairs[0]
    assert (main.rows, main.other_rows) == (30, 100)
    assert (main.exact, main.reverse_complement, main.near, main.shared_sequences) == (4, 3, 5, 4)
    assert main.fraction == pytest.approx(12 / 30)
    assert main.different_label == 2
    assert (report.conflicting_sequences, report.conflicting_rows) == (2, 4)
    assert [x.kind for x in main.examples] == ["exact"] * 4 + ["reverse complement"]
    assert (main.examples[0].id, main.examples[0].other_id) == ("r120", "r10")
    assert [x.same_label for x in main.examples] == [True, True, False, True, False]
    assert main.examples[4].similarity == 1
    assert report.pairs[1].exact == 1
    assert report.pairs[2].fraction == 0
    assert report.verdict.startswith("Strong leakage: 12 of 30 test rows (40.0%)")
    assert "2 sequences occur with different labels" in report.verdict
    json.dumps(dataclasses.asdict(report))


def test_a_homology_split_leaves_nothing():
    codes = random_codes(300, 80)
    codes[100:200] = DNA.reverse_complement(codes[:100])
    codes[200:, 20:] = codes[:100, 20:]
    data = dataset(codes)
    (random,) = make_splits(data, RandomSplit())
    (honest,) = make_splits(data, HomologySplit())
    assert leakage(data, random).pairs[0].fraction > 0.7
    report = leakage(data, honest)
    assert [x.fraction for x in report.pairs] == [0, 0, 0]
    assert report.verdict.startswith("No leakage found: none of the 60 test rows")


def test_values_and_label_sets_are_compared_too():
    codes = np.tile(random_codes(1, 60), (3, 1))
    codes[0] = random_codes(1, 60, seed=1)[0]
    part = Split(np.array([0, 0, 2], np.uint8), "made.")
    for kind, values in (("value", [[1], [2], [2.5]]), ("labels", [[0, 1], [0, 1], [1, 1]])):
        target = Target(kind, np.array(values, np.float32), ("v",) * len(values[0]), "v")
        assert leakage(dataset(codes, target), part).pairs[0].different_label == 1
    report = leakage(dataset(codes), part)
    assert report.pairs[0].different_label == report.conflicting_rows == 0
    assert report.pairs[0].examples[0].same_label is None


def test_folds_are_added_up(planted):
    """Copies that only later folds hold count too."""
    dataset = planted[0] if isinstance(planted, tuple) else planted
    splits = make_splits(dataset, FoldsSplit(k=3, seed=1))
    found, single = leakage_of_all(dataset, splits), [leakage(dataset, split) for split in splits]
    for i, pair in enumerate(found.pairs):
        same = [one.pairs[i] for one in single]
        assert pair.rows == sum(p.rows for p in same)
        assert (pair.exact, pair.near) == (sum(p.exact for p in same), sum(p.near for p in same))
        assert pair.fraction == pytest.approx((pair.exact + pair.reverse_complement + pair.near) / pair.rows)
    assert found.pairs[0].rows == len(dataset.ids)
    assert leakage_of_all(dataset, splits[:1]) == single[0]


def test_no_test_part_has_a_verdict():
    report = leakage(dataset(random_codes(4, 60)), Split(np.zeros(4, np.uint8), "all train."))
    assert report.pairs == ()
    assert "no test part" in report.verdict


def test_nearest_falls_with_distance_and_sees_both_strands():
    train = random_codes(500, 101)
    query = train[:6].copy()
    for i, changes in enumerate((0, 1, 3, 8, 30)):
        at = np.linspace(5, 95, changes).astype(int)
        query[i, at] = (query[i, at] + 1) % 4
    query[5] = DNA.reverse_complement(query[1])
    similarity, row = nearest_rows(query, train)
    assert similarity[0] == 1
    assert np.all(np.diff(similarity[:5]) < 0)
    assert row[:4].tolist() == [0, 1, 2, 3]
    assert nearest(query[5:], train)[0] == nearest(DNA.reverse_complement(query[5:]), train)[0]
    assert nearest(random_codes(200, 101, seed=5), train).max() < 0.2


def test_nearest_of_equal_rows_is_one_whatever_they_are_made_of():
    codes = np.zeros((3, 30), np.uint8)
    codes[1] = DNA.any
    codes[2, 10:] = DNA.pad
    assert nearest(codes, codes[::-1]).tolist() == [1, 1, 1]
    assert nearest(codes[:1], random_codes(5, 30)).tolist() == [0]
    assert nearest(codes[:0], codes).shape == (0,)


def read(path, separator=","):
    frame = pl.read_csv(path, separator=separator)
    texts = frame["sequence"].to_list()
    codes = np.full((len(texts), max(map(len, texts))), DNA.pad, np.uint8)
    for row, text in zip(codes, texts, strict=True):
        row[: len(text)] = DNA.encode(text)
    return codes, frame


def classes(column):
    names = column.cast(pl.String).unique().sort().to_list()
    values = column.cast(pl.String).replace_strict(names, range(len(names)), return_dtype=pl.Int64)
    return Target("classes", values.to_numpy(), tuple(names), column.name)


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("task", "shared"),
    [("prom_core_tata", (16, 8, 2)), ("prom_300_tata", (6, 14, 0)), ("tf_4", (0, 346, 0)), ("mouse_2", (0, 0, 0))],
)
def test_gue_overlaps_are_the_published_ones(real_data, task, shared):
    parts = [read(real_data / "gue" / f"{task}.{name}.csv.gz") for name in ("train", "dev", "test")]
    data = dataset(np.concatenate([x[0] for x in parts]), classes(pl.concat([x[1] for x in parts])["label"]))
    part = np.repeat([0, 1, 2], [len(x[0]) for x in parts]).astype(np.uint8)
    report = leakage(data, Split(part, "as published."))
    assert tuple(x.shared_sequences for x in report.pairs) == shared


@pytest.mark.realdata
def test_ienhancer_test_rows_are_in_train(real_data):
    codes, frame = read(real_data / "ienhancer" / "enhancers.tsv.gz", "\t")
    data = dataset(codes, classes(frame["enhancer"]), frame)
    (given,) = make_splits(data, ColumnSplit(unused=("validation",)).model_copy(update={"validation": ("none",)}))
    assert "became it" in given.notes[0]
    report = leakage(data, Split(np.where(frame["split"] == "test", 2, 0).astype(np.uint8), "published."))
    assert report.pairs[0].exact == 100
    assert report.verdict.startswith("Strong leakage")
    (honest,) = make_splits(data, HomologySplit())
    assert leakage(data, honest).pairs[0].fraction == 0


@pytest.mark.realdata
def test_uci_splice_folds_keep_identical_rows_together(real_data):
    codes, frame = read(real_data / "uci_splice" / "splice.tsv.gz", "\t")
    data = dataset(codes, classes(frame["class"]), frame)
    folds = make_splits(data, FoldsSplit(column="fold"))
    assert len(folds) == 10
    first = leakage(data, folds[0])
    assert first.pairs[0].exact == 0
    assert first.conflicting_sequences == 1
    honest = make_splits(data, FoldsSplit(by="homology"))
    assert leakage(data, honest[0]).pairs[0].fraction == 0


@pytest.mark.realdata
def test_cnnprom_homology_split(real_data):
    codes, frame = read(real_data / "cnnprom" / "ecoli_sigma70.tsv.gz", "\t")
    data = dataset(codes, classes(frame["label"]), frame)
    (given,) = make_splits(data, ColumnSplit())
    assert given.notes == ()
    (honest,) = make_splits(data, HomologySplit())
    assert leakage(data, honest).pairs[0].fraction == 0
    shares = [data.target.values[honest.rows(p)].mean() for p in range(3)]
    assert shares == pytest.approx([839 / 3839] * 3, abs=0.01)
