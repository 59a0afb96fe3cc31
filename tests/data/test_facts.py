"""Facts and warnings of data sets with planted faults."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import roc_auc_score

from strandloom.alphabet import DNA
from strandloom.data.dataset import Dataset
from strandloom.data.facts import facts
from strandloom.data.targets import Target, classes_target
from strandloom.data.window import WindowSettings, fit_window
from strandloom.io.records import LetterCounts, Records


def _records(texts: list[str], ids: list[str] | None = None, letters: LetterCounts | None = None) -> Records:
    codes = [DNA.encode(text) for text in texts]
    offsets = np.concatenate(([0], np.cumsum([len(x) for x in codes]))).astype(np.int64)
    names = pl.Series("id", ids or [f"r{i}" for i in range(len(texts))], dtype=pl.String)
    counts = replace(letters or LetterCounts(), rows=len(texts), bases=int(offsets[-1]))
    return Records(np.concatenate([np.zeros(0, np.uint8), *codes]), offsets, names, pl.DataFrame(), counts)


def _random(rows: int, length: int, seed: int = 0, gc: float = 0.5) -> list[str]:
    generator = np.random.default_rng(seed)
    chances = [(1 - gc) / 2, gc / 2, gc / 2, (1 - gc) / 2]
    return ["".join(row) for row in generator.choice(list("ACGT"), (rows, length), p=chances)]


def _classes(values: list[int] | np.ndarray) -> Target:
    return classes_target(pl.Series("y", values), path="t.csv", names=[str(x) for x in range(int(max(values)) + 1)])


def test_a_clean_set_has_no_warning() -> None:
    found = facts(_records(_random(400, 60)), _classes(np.arange(400) % 2))
    assert found.warnings == ()
    assert found.rows == 400
    assert found.length.median == 60
    assert sum(found.gc_histogram.counts) == 400
    assert sum(found.length_histogram.counts) == 400
    assert [(item.name, item.rows) for item in found.classes] == [("0", 200), ("1", 200)]
    json.dumps(asdict(found), allow_nan=False)


def test_repeats() -> None:
    texts = _random(300, 50)
    texts[10] = texts[5]
    texts[20] = texts[5]
    texts[30] = DNA.decode(DNA.reverse_complement(DNA.encode(texts[7])))
    texts[40] = "ACGT" * 12 + "AT"[::-1]
    ids = [f"r{i}" for i in range(300)]
    ids[299] = "r0"
    answers = np.arange(300) % 2  # rows 5 and 10 differ
    found = facts(_records(texts, ids), _classes(answers)).duplicates
    assert found.exact_rows == 2
    assert found.distinct == 298
    assert found.reverse_complement_rows == 2
    assert found.id_rows == 1
    assert (found.contradictory, found.contradictory_rows) == (1, 3)
    assert found.example == ("r5", "r10")
    text = "\n".join(facts(_records(texts, ids), _classes(answers)).warnings)
    assert (
        "1 sequence stands with more than one class (3 of 300 rows (1.0 %); for instance records 'r5' and 'r10')"
        in text
    )
    assert "2 of 300 rows (0.7 %) repeat the sequence" in text
    assert "reverse complement of another row" in text
    assert "1 of 300 rows (0.3 %) have an id" in text


def test_an_own_reverse_complement_is_no_duplicate() -> None:
    found = facts(_records(["ACGT", "AAAA", "CCCC"]))
    assert found.duplicates.reverse_complement_rows == 0
    assert found.duplicates.example is None


def test_unbalanced_and_rare_classes() -> None:
    answers = np.array([0] * 250 + [1] * 45 + [2] * 5)
    text = "\n".join(facts(_records(_random(300, 40)), _classes(answers)).warnings)
    assert "unbalanced: '0' has 250 of 300 rows (83.3 %), '2' has 5" in text
    assert "1 class has fewer than 10 rows (2)" in text


def test_length_and_gc_shortcuts() -> None:
    generator = np.random.default_rng(3)
    answers = np.arange(400) % 2
    texts = [
        _random(1, int(generator.integers(40, 60) + 15 * y), seed=i, gc=0.35 + 0.3 * y)[0]
        for i, y in enumerate(answers)
    ]
    found = facts(_records(texts), _classes(answers))
    separations = {item.feature: item for item in found.separations}
    assert separations["length"].value == pytest.approx(roc_auc_score(answers, [len(x) for x in texts]))
    gc = [(x.count("G") + x.count("C")) / len(x) for x in texts]
    assert separations["gc"].value == pytest.approx(roc_auc_score(answers, gc))
    text = "\n".join(found.warnings)
    assert "Length alone tells class '1'" in text
    assert "GC content alone tells class '1'" in text


def test_value_and_labels() -> None:
    texts = _random(300, 50)
    gc = np.array([(x.count("G") + x.count("C")) / 50 for x in texts], np.float32)
    found = facts(_records(texts), Target("value", gc[:, None] * 2, ("expression",), "expression"))
    assert found.separations[0].value == pytest.approx(1)
    assert found.value is not None
    assert found.value.highest == pytest.approx(2 * gc.max())
    assert "GC content alone correlates with 'expression'" in found.warnings[0]
    values = np.zeros((300, 3), np.float32)
    values[:150, 0] = values[100:, 1] = 1
    texts[0] = texts[299]
    labels = facts(_records(texts), Target("labels", values, ("a", "b", "c"), "tf"))
    assert [item.rows for item in labels.classes] == [150, 200, 0]
    assert labels.duplicates.contradictory == 1
    json.dumps(asdict(labels), allow_nan=False)


def test_letters_and_poor_sequences() -> None:
    texts = [*_random(250, 40), "N" * 30 + "ACGTACGTAC", "A" * 40, "", *["AC" * 20] * 3]
    letters = LetterCounts(lower_case=500, uracil=3, n=300, gaps=2, skipped_rows=4, skipped=("record 'x': bad",))
    found = facts(_records(texts, letters=letters))
    assert (found.ambiguous_rows, found.unknown_rows, found.empty_rows) == (1, 1, 1)
    assert found.low_complexity_rows == 4
    text = "\n".join(found.warnings)
    for words in (
        "lower case",
        "3 letters are U",
        "2 gaps",
        "4 of 260 rows",
        "record 'x': bad",
        "are empty",
        "half N",
        "short repeat",
    ):
        assert words in text, words


def test_a_data_set_and_its_records_agree() -> None:
    texts = [x[: 20 + i % 30] for i, x in enumerate(_random(300, 50))]
    records = _records(texts)
    window = fit_window(records.lengths, WindowSettings(anchor="right"))
    placed = window.place(records)
    target = _classes(np.arange(300) % 3)
    data = Dataset(placed.codes, placed.lengths, records.ids, records.columns, target, None, window, records.letters)
    assert asdict(facts(data)) | {"window": ""} == asdict(facts(records, target))


def test_cropping_is_told() -> None:
    texts = [*_random(300, 40), *_random(1, 900)]
    records = _records(texts)
    window = fit_window(records.lengths, WindowSettings())
    placed = window.place(records)
    data = Dataset(placed.codes, placed.lengths, records.ids, records.columns, None, None, window, records.letters)
    assert "1 longer sequence is cropped" in facts(data).warnings[-1]


def test_no_rows() -> None:
    json.dumps(asdict(facts(_records([]))), allow_nan=False)


def test_fifty_thousand_rows() -> None:
    generator = np.random.default_rng(1)
    codes = generator.integers(0, 4, 50_000 * 101, dtype=np.uint8)
    ids = pl.Series("id", np.arange(50_000)).cast(pl.String)
    records = Records(codes, np.arange(50_001) * 101, ids, pl.DataFrame(), LetterCounts(rows=50_000, bases=len(codes)))
    target = _classes(np.arange(50_000) % 2)
    found = facts(records, target)
    assert (found.rows, found.length.median, found.duplicates.distinct) == (50_000, 101, 50_000)
    assert found.gc is not None
    assert found.gc.mean == pytest.approx(np.isin(codes, (1, 2)).mean())
    assert [one.rows for one in found.classes] == [25_000, 25_000]
