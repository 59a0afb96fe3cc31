"""Files to a Dataset, in memory and memory-mapped, with one clear message for each fault."""

from __future__ import annotations

import gzip
import os
from dataclasses import asdict
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import strandloom.data.load as module
from strandloom.alphabet import DNA
from strandloom.data.ceiling import ceiling_for
from strandloom.data.dataset import Dataset
from strandloom.data.facts import facts
from strandloom.data.load import load
from strandloom.data.mixture import MotifSimulation
from strandloom.data.settings import DataSettings
from strandloom.data.simulate import simulate, write_simulation
from strandloom.data.window import Window
from strandloom.errors import InputError, SettingsError
from strandloom.io.read import read_blocks

CSV = """name,dna,label,split,w,x
a,ACGTACGTAC,0,train,1,0.5
b,TTTTTTTTTTTT,1,train,2,1.5
c,acgun,1,test,0,-1
d,GGGGGGGGGG,0,dev,1.5,2
"""


def _write(folder: Path, text: str, name: str = "t.csv") -> str:
    path = folder / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return str(path)


def _texts(data: Dataset) -> list[str]:
    return [DNA.decode(row) for row in data.codes]


def _same(a: Dataset, b: Dataset) -> None:
    assert np.array_equal(a.codes, b.codes)
    assert np.array_equal(a.lengths, b.lengths)
    assert a.ids.to_list() == b.ids.to_list()
    assert a.columns.equals(b.columns)
    assert a.window == b.window
    assert asdict(a.letters) == asdict(b.letters)
    assert a.source == b.source
    assert (a.weights is None) == (b.weights is None)
    assert a.weights is None or np.array_equal(a.weights, b.weights)  # type: ignore[arg-type]
    assert (a.whole is None) == (b.whole is None)
    assert a.whole is None or np.array_equal(a.whole, b.whole)  # type: ignore[arg-type]
    assert a.target is not None
    assert b.target is not None
    assert np.array_equal(a.target.values, b.target.values)
    assert a.target.names == b.target.names


def test_a_table(tmp_path: Path) -> None:
    data = load(DataSettings(table=_write(tmp_path, CSV), weight="w"), task="classes")
    assert _texts(data) == ["ACGTACGTAC", "TTTTTTTTTTTT", "ACGTN", "GGGGGGGGGG"]
    assert data.length == 12
    assert data.lengths.tolist() == [10, 12, 5, 10]
    assert data.ids.to_list() == ["a", "b", "c", "d"]
    assert data.columns["split"].to_list() == ["train", "train", "test", "dev"]
    assert data.target is not None
    assert (data.target.names, data.target.values.tolist()) == (("0", "1"), [0, 1, 1, 0])
    assert data.weights is not None
    assert data.weights.tolist() == [1, 2, 0, 1.5]
    assert data.letters.lower_case == 5
    assert data.source == (str(tmp_path / "t.csv"),)


def test_paths_go_through_resolve(tmp_path: Path) -> None:
    _write(tmp_path, CSV)
    data = load(DataSettings(table="t.csv"), task="value", resolve=lambda path: tmp_path / path, need_target=False)
    assert data.target is None
    assert len(data) == 4


def test_several_files_with_constant_columns(tmp_path: Path) -> None:
    """One file per class and part: FASTA, plain lines' table and gz together."""
    raw = {
        "table": [
            {"path": _write(tmp_path, ">p1 x\nACGTACGT\n>p2\nAAAACCCC\n", "p.fa"), "set": {"label": "donor", "n": 1}},
            {"path": _write(tmp_path, "id,sequence,n\nq1,GGGG,7\nq2,TTTT,x8\n", "q.csv.gz"), "set": {"label": "other"}},
        ]
    }
    data = load(DataSettings.model_validate(raw), task="classes")
    assert data.target is not None
    assert data.target.names == ("donor", "other")
    assert data.target.values.tolist() == [0, 0, 1, 1]
    assert data.ids.to_list() == ["p1", "p2", "q1", "q2"]
    assert data.columns["n"].to_list() == ["1", "1", "7", "x8"]
    assert len(data.source) == 2


def test_rows_without_names_are_named_by_file_and_number(tmp_path: Path) -> None:
    paths = [_write(tmp_path, "AAAACCCCGGGG\nACGTACGTACGT\n", f"{name}.txt.gz") for name in ("dm.don", "dm.acc")]
    raw = {"table": [{"path": path, "set": {"label": i}} for i, path in enumerate(paths)]}
    data = load(DataSettings.model_validate(raw), task="classes")
    assert data.ids.to_list() == ["dm.don:1", "dm.don:2", "dm.acc:1", "dm.acc:2"]
    assert load(DataSettings(table=paths[0]), task="classes", need_target=False).ids.to_list() == ["1", "2"]


def test_values_labels_and_fixed_names(tmp_path: Path) -> None:
    path = _write(tmp_path, CSV)
    value = load(DataSettings(table=path, target=("x", "w")), task="value").target
    assert value is not None
    assert value.values.shape == (4, 2)
    labels = load(DataSettings(table=path, target="label"), task="labels").target
    assert labels is not None
    assert labels.values.tolist() == [[0], [1], [1], [0]]
    fixed = load(DataSettings(table=path, filter={"label": 1}), task="classes", names=["1", "0"]).target
    assert fixed is not None
    assert fixed.values.tolist() == [0, 0]
    window = Window(4, "right")
    assert _texts(load(DataSettings(table=path), task="classes", window=window)) == ["GTAC", "TTTT", "CGTN", "GGGG"]


def test_filter_exclude_and_limit(tmp_path: Path) -> None:
    path = _write(tmp_path, CSV)
    kept = load(
        DataSettings(table=path, filter={"split": ("train", "dev")}, exclude={"w": 2}), task="value", need_target=False
    )
    assert kept.ids.to_list() == ["a", "d"]
    big = _write(
        tmp_path, "sequence,label\n" + "".join(f"{'ACGT'[i % 4] * 8},{i % 2}\n" for i in range(500)), "big.csv"
    )
    few = load(DataSettings(table=big, limit=40), task="classes")
    assert len(few) == 40
    numbers = [int(x) for x in few.ids]
    assert numbers == sorted(numbers)
    assert numbers[-1] > 100
    assert few.ids.to_list() == load(DataSettings(table=big, limit=40), task="classes").ids.to_list()
    with pytest.raises(InputError, match="no row is left of 4 after"):
        load(DataSettings(table=path, filter={"split": "train"}, exclude={"label": (0, 1)}), task="classes")
    with pytest.raises(InputError, match=r"no row has split = tran(.|\n)*did you mean 'train'"):
        load(DataSettings(table=path, filter={"split": "tran"}), task="classes")


@pytest.mark.parametrize(
    ("text", "fields", "task", "message"),
    [
        (
            CSV,
            {"target": "lable"},
            "classes",
            r"t.csv: no column 'lable' \(data.target\)(.|\n)*did you mean 'label'\? columns: ",
        ),
        (CSV, {"weight": "ww"}, "classes", r"no column 'ww' \(data.weight\)"),
        (
            CSV.replace("1.5", "-1.5", 2),
            {"weight": "w"},
            "classes",
            r"t.csv:5, record 'd': column 'w' is -1.5; a weight must be 0 or more",
        ),
        (
            CSV.replace("a,ACGTACGTAC,0", "a,ACGTACGTAC,"),
            {},
            "classes",
            r"t.csv:2, record 'a': column 'label' is empty",
        ),
        (CSV.replace(",-1", ",inf"), {"target": "x"}, "value", r"t.csv:4, record 'c': column 'x' is 'inf'"),
        (
            CSV.replace(",-1", ",NaN"),
            {"target": "x"},
            "value",
            r"t.csv:4, record 'c': column 'x' is .*must be a finite number",
        ),
        (CSV.replace(",1,t", ",0,t"), {}, "classes", r"one class only \('0'\)"),
        (CSV.replace("label", "colour"), {}, "classes", r"no column is named like a target(.|\n)*colour"),
        (CSV, {"target": ["x", "w"]}, "classes", r"task classes learns one column"),
        ("sequence\nACGT\n", {}, "classes", r"no column to learn from"),
        ("name,dna,label\na,,0\n", {}, "classes", r"t.csv"),
        ("", {}, "classes", r"t.csv"),
        ("sequence,label\n", {}, "classes", r"t.csv"),
        (CSV.replace("TTTT", "TJTT", 1), {}, "classes", r"record 'b'"),
    ],
)
def test_faults(tmp_path: Path, text: str, fields: dict, task: str, message: str) -> None:
    path = _write(tmp_path, text)
    with pytest.raises((InputError, SettingsError), match=message):
        load(DataSettings.model_validate({"table": path, **fields}), task=task)  # type: ignore[arg-type]


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nothing\.csv"):
        load(DataSettings(table=str(tmp_path / "nothing.csv")), task="classes")


def test_rows_skipped_as_asked_leave_lines_unnamed(tmp_path: Path) -> None:
    text = CSV.replace("ACGTACGTAC", "ACNTACGTAC").replace("d,GGGGGGGGGG,0", "d,GGGGGGGGGG,")
    settings = DataSettings.model_validate({"table": _write(tmp_path, text), "letters": {"n": "skip"}})
    with pytest.raises(InputError, match=r"t\.csv, record 'd': column 'label' is empty"):
        load(settings, task="classes")


def _many(folder: Path, rows: int) -> list[object]:
    generator = np.random.default_rng(4)
    lengths = generator.integers(20, 60, rows)
    texts = ["".join(generator.choice(list("ACGTN"), n)) for n in lengths]
    frame = pl.DataFrame(
        {
            "id": [f"s{i}" for i in range(rows)],
            "sequence": texts,
            "label": lengths % 2,
            "w": lengths / 7,
            "g": lengths % 5,
        }
    )
    half = rows // 2
    frame[:half].write_csv(folder / "first.csv")
    frame[half:].write_parquet(folder / "second.parquet")
    return [
        {"path": str(folder / "first.csv"), "set": {"split": "train"}},
        {"path": str(folder / "second.parquet"), "set": {"split": "test"}},
    ]


@pytest.mark.parametrize(
    "fields",
    [{}, {"limit": 700}, {"filter": {"g": [1, 3]}, "limit": 300, "window": {"anchor": "centre", "length": 33}}],
)
def test_the_memory_map_equals_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fields: dict) -> None:
    """A tiny limit makes the same Dataset through the store; the second time it is reopened without reading."""
    monkeypatch.setattr(module, "_MEGABYTE", 1000)
    monkeypatch.setattr(module, "read_blocks", lambda path, **given: read_blocks(path, **given, block_rows=64))
    chosen = DataSettings.model_validate({"table": _many(tmp_path, 2000), "weight": "w", "memory": 4, **fields})
    memory = load(chosen, task="classes")
    cache = tmp_path / "cache"
    mapped = load(chosen, task="classes", cache=cache)
    assert isinstance(mapped.codes, np.memmap)
    assert not isinstance(memory.codes, np.memmap)
    _same(memory, mapped)

    def refuse(*args: object, **given: object) -> None:
        raise AssertionError("the files were read again")

    monkeypatch.setattr(module, "read_blocks", refuse)
    reopened = load(chosen, task="classes", cache=cache)
    _same(memory, reopened)
    taken = mapped.take([3, 1])
    assert np.array_equal(taken.codes, memory.codes[[3, 1]])


@pytest.mark.parametrize("mapped", [False, True])
@pytest.mark.parametrize("anchor", ["left", "right", "centre"])
def test_what_was_cropped_can_be_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, anchor: str, mapped: bool
) -> None:
    monkeypatch.setattr(module, "_MEGABYTE", 1)
    fields = {"table": _write(tmp_path, CSV), "memory": 1, "window": {"length": 7, "anchor": anchor}}
    cache = tmp_path / "cache" if mapped else None
    data = load(DataSettings.model_validate(fields), task="classes", cache=cache)
    assert isinstance(data.codes, np.memmap) == mapped
    rows = [2, 1, 3]
    taken = data.take(rows)
    assert taken.whole is not None
    assert taken.whole.tolist() == [5, 12, 10]
    texts = [line.split(",")[1].upper().replace("U", "T") for line in CSV.splitlines()[1:]]
    first = np.maximum(-taken.window.shift(taken.whole), 0)
    assert first.tolist() == [0, *{"left": (0, 0), "right": (5, 3), "centre": (3, 2)}[anchor]]
    for row, codes, start, length in zip(rows, taken.codes, first, taken.lengths, strict=True):
        assert DNA.decode(codes[codes != DNA.pad]) == texts[row][start : start + length]


def test_without_cropping_nothing_is_kept_of_whole_lengths(tmp_path: Path) -> None:
    assert load(DataSettings(table=_write(tmp_path, CSV)), task="classes").whole is None


def test_a_changed_file_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MEGABYTE", 1)
    path = _write(tmp_path, CSV)
    chosen = DataSettings(table=path, memory=1)
    assert _texts(load(chosen, task="classes", cache=tmp_path / "cache"))[0] == "ACGTACGTAC"
    _write(tmp_path, CSV.replace("ACGTACGTAC", "GCGTACGTAC"))
    changed = load(chosen, task="classes", cache=tmp_path / "cache")
    assert isinstance(changed.codes, np.memmap)
    assert _texts(changed)[0] == "GCGTACGTAC"


def test_a_small_set_makes_no_store(tmp_path: Path) -> None:
    load(DataSettings(table=_write(tmp_path, CSV)), task="classes", cache=tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(st.text("ACGTNacgtu", min_size=1, max_size=30), st.sampled_from("xyz")), min_size=1, max_size=30)
)
def test_any_table_loads_as_written(tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]]) -> None:
    folder = tmp_path_factory.mktemp("any")
    path = _write(folder, "sequence,label\n" + "".join(f"{text},{label}\n" for text, label in rows))
    data = load(DataSettings(table=path, window={"length": 30}), task="classes", names=["x", "y", "z"])
    assert _texts(data) == [text.upper().replace("U", "T") for text, _ in rows]
    assert data.target is not None
    assert ["xyz"[i] for i in data.target.values] == [label for _, label in rows]


def test_a_simulated_table_knows_its_ceiling(tmp_path: Path) -> None:
    made = simulate(MotifSimulation(n=300, length=50), 1)
    write_simulation(made, tmp_path / "sim.tsv.gz")
    data = load(DataSettings(table=str(tmp_path / "sim.tsv.gz")), task="classes")
    assert ceiling_for(data).ceiling == made.ceiling


# ------------------------------------------------------------------------------------------------------------ real data


@pytest.fixture
def shared() -> Path:
    """The folder named by STRANDLOOM_DATA."""
    folder = os.environ.get("STRANDLOOM_DATA")
    if folder is None:
        pytest.skip("STRANDLOOM_DATA is not set")
    return Path(folder)


@pytest.mark.realdata
def test_gue_in_three_files(shared: Path) -> None:
    sources = [{"path": f"gue/mouse_3.{part}.csv.gz", "set": {"split": part}} for part in ("train", "dev", "test")]
    data = load(DataSettings.model_validate({"table": sources}), task="classes", resolve=lambda path: shared / path)
    assert data.codes.shape == (1904 + 239 + 239, 101)
    assert data.target is not None
    assert data.target.counts() == {"0": 952 + 119 + 120, "1": 952 + 120 + 119}
    assert dict(data.columns["split"].value_counts().iter_rows()) == {"train": 1904, "dev": 239, "test": 239}
    assert data.ids.n_unique() == len(data)


@pytest.mark.realdata
def test_uci_splice_with_its_iupac_rows(shared: Path) -> None:
    data = load(DataSettings(table="uci_splice/splice.tsv.gz"), task="classes", resolve=lambda path: shared / path)
    assert data.codes.shape == (3190, 60)
    assert data.target is not None
    assert data.target.counts() == {"EI": 767, "IE": 768, "N": 1655}
    assert int(((data.codes > 3).any(axis=1)).sum()) == 15
    found = facts(data).duplicates
    assert (found.distinct, found.exact_rows, found.contradictory) == (3005, 185, 1)


@pytest.mark.realdata
def test_splice42_one_file_per_class(shared: Path) -> None:
    sources = [{"path": f"splice42/dm.{name}don.txt.gz", "set": {"label": name or "donor"}} for name in ("", "n3")]
    data = load(DataSettings.model_validate({"table": sources}), task="classes", resolve=lambda path: shared / path)
    assert data.codes.shape == (2 * 19_886, 42)
    assert data.target is not None
    assert data.target.counts() == {"donor": 19_886, "n3": 19_886}
    assert facts(data).duplicates.exact_rows == 19_886 - 19_316


@pytest.mark.realdata
def test_ienhancer_layers(shared: Path) -> None:
    table = "ienhancer/enhancers.tsv.gz"
    first = load(DataSettings(table=table), task="classes", resolve=lambda path: shared / path)
    assert first.target is not None
    assert (first.target.column, first.target.counts()) == ("enhancer", {"0": 1684, "1": 1684})
    settings = DataSettings(table=table, target="strength", filter={"enhancer": 1}, exclude={"also_in_train": 1})
    second = load(settings, task="classes", resolve=lambda path: shared / path)
    assert second.target is not None
    assert second.target.counts() == {"strong": 742, "weak": 842}
    assert facts(second).duplicates.exact_rows == 0
