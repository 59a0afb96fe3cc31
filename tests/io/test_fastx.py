"""FASTA and FASTQ: dnaio as the oracle, any block size, every fault with its place."""

from __future__ import annotations

import gzip
import io
from dataclasses import asdict
from pathlib import Path

import dnaio
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strandloom.alphabet import DNA
from strandloom.errors import InputError
from strandloom.io.read import read_blocks, read_records
from strandloom.io.records import Records
from strandloom.io.settings import LetterPolicy

NAME = st.text("abcXYZ019_|:", min_size=1, max_size=8)
WORDS = st.text("abc =;", max_size=8).map(str.strip)
LETTERS = st.text("ACGTNRY", min_size=1, max_size=30)
ENTRIES = st.lists(st.tuples(NAME, WORDS, LETTERS), min_size=1, max_size=12)


def texts(records: Records) -> list[str]:
    o = records.offsets
    return [DNA.decode(records.codes[o[i] : o[i + 1]]) for i in range(len(records))]


def same(a: Records, b: Records) -> None:
    np.testing.assert_array_equal(a.codes, b.codes)
    np.testing.assert_array_equal(a.offsets, b.offsets)
    assert a.ids.equals(b.ids)
    assert a.columns.equals(b.columns)
    assert asdict(a.letters) == asdict(b.letters)


def blocks(path: Path, **options: int) -> Records:
    return Records.concat(list(read_blocks(path, **options)))  # type: ignore[arg-type]


@given(
    ENTRIES, st.sampled_from(["\n", "\r\n"]), st.integers(1, 12), st.integers(1, 60), st.integers(1, 4), st.booleans()
)
@settings(deadline=None, max_examples=40)
def test_fasta_equals_dnaio(
    tmp_path_factory: pytest.TempPathFactory,
    entries: list[tuple[str, str, str]],
    newline: str,
    width: int,
    block_bytes: int,
    block_rows: int,
    last: bool,
) -> None:
    rows = []
    for name, words, letters in entries:
        rows += [f">{name} {words}".rstrip(), *(letters[i : i + width] for i in range(0, len(letters), width))]
    text = newline.join(rows) + (newline if last else "")
    path = tmp_path_factory.getbasetemp() / "a.fa"
    path.write_bytes(text.encode())
    got = read_records(path)
    with dnaio.open(io.BytesIO(text.encode())) as oracle:
        expected = [([*r.name.split(" ", 1), ""], r.sequence) for r in oracle]
    assert got.ids.to_list() == [n[0] for n, _ in expected]
    assert got.columns["description"].to_list() == [n[1] for n, _ in expected]
    assert texts(got) == [s for _, s in expected]
    same(got, blocks(path, block_bytes=block_bytes, block_rows=block_rows))


@given(ENTRIES, st.sampled_from(["\n", "\r\n"]), st.integers(1, 60), st.integers(1, 4), st.booleans())
@settings(deadline=None, max_examples=40)
def test_fastq_equals_dnaio(
    tmp_path_factory: pytest.TempPathFactory,
    entries: list[tuple[str, str, str]],
    newline: str,
    block_bytes: int,
    block_rows: int,
    zipped: bool,
) -> None:
    text = "".join(newline.join([f"@{n} {w}".rstrip(), s, "+", "@" * len(s)]) + newline for n, w, s in entries)
    path = tmp_path_factory.getbasetemp() / ("a.fq.gz" if zipped else "a.fq")
    path.write_bytes(gzip.compress(text.encode()) if zipped else text.encode())
    got = read_records(path)
    with dnaio.open(io.BytesIO(text.encode())) as oracle:
        expected = list(oracle)
    assert got.ids.to_list() == [r.id for r in expected]
    assert texts(got) == [r.sequence for r in expected]
    same(got, blocks(path, block_bytes=block_bytes, block_rows=block_rows))


def outcome(path: Path, block_bytes: int, policy: LetterPolicy) -> tuple[list[Records], str]:
    """The records before a fault, and the fault."""
    found: list[Records] = []
    try:
        found.extend(read_blocks(path, block_bytes=block_bytes, block_rows=1, policy=policy))
    except InputError as error:
        return found, str(error)
    return found, ""


RECORD = st.tuples(
    NAME | st.just(""),
    st.sampled_from(["", " a b", "\tx"]),
    st.text("ACGTNacgt-xu ", max_size=9) | st.text("ACGT", max_size=70),
    st.sampled_from(["\n", "\r\n"]),
)
DAMAGE = st.sampled_from([b"", b"", b"", b"", b"@", b"+", b">", b"\n", b"\r", b"I", b"\n>", b"\xe9"])
POLICIES = [
    LetterPolicy(unknown="n", empty="skip"),
    LetterPolicy(),
    LetterPolicy(gap="remove", n="skip", lower_case="n", ambiguous="error", unknown="skip"),
]


@pytest.mark.parametrize("format", ["fasta", "fastq"])
@given(
    st.lists(RECORD, min_size=1, max_size=9),
    st.integers(1, 200),
    st.integers(0, 3),
    DAMAGE,
    st.integers(1, 90),
    st.booleans(),
    st.sampled_from(POLICIES),
    st.integers(1, 40),
    st.sampled_from([8, 1 << 16]),
)
@settings(deadline=None, max_examples=150)
def test_compiled_form_equals_numpy(
    tmp_path_factory: pytest.TempPathFactory,
    format: str,
    entries: list[tuple[str, str, str, str]],
    at: int,
    lost: int,
    damage: bytes,
    block_bytes: int,
    last: bool,
    policy: LetterPolicy,
    width: int,
    rest: int,
) -> None:
    """Sound or damaged anywhere, in blocks of any size: the same records and the same fault."""
    if format == "fastq":
        text = "".join(f"@{name}{words}{e}{x}{e}+{e}{'I' * len(x)}{e}" for name, words, x, e in entries)
    else:
        text = "".join(
            f">{name}{words}{e}" + "".join(x[i : i + width] + e for i in range(0, len(x), width))
            for name, words, x, e in entries
        )
    data = text.encode()
    at = min(at, len(data))
    data = data[:at] + damage + data[at + lost :]
    path = tmp_path_factory.mktemp("reads") / "a.txt"
    path.write_bytes(data if last else data.rstrip())
    seen = []
    for compiled in (False, True):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("strandloom.io.kernels.Kernels.compiled", compiled)
            patch.setattr("strandloom.io.scan.MOST_RECORDS", 3)
            patch.setattr("strandloom.io.stream._MOST_REST", rest)  # a longer rest is copied together with a block
            seen.append(outcome(path, block_bytes, policy))
    assert seen[0][1] == seen[1][1]
    same(Records.concat(seen[0][0]), Records.concat(seen[1][0]))


def test_members_bom_and_compiled_kernels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Several gzip members (as in bgzf), a byte-order mark and the compiled kernels change nothing."""
    data = b"".join(b"@r%d x\nACGTN\n+\nIIIII\n" % i for i in range(200))
    plain, packed = tmp_path / "p.fq", tmp_path / "p.fq.gz"
    plain.write_bytes(b"\xef\xbb\xbf" + data)
    packed.write_bytes(
        b"".join(gzip.compress(data[i : i + 97]) for i in range(0, len(data), 97)) + gzip.compress(b"") + b"\0" * 30
    )
    expected = read_records(plain)
    same(read_records(packed), expected)
    monkeypatch.setattr("strandloom.io.kernels.Kernels.compiled", True)
    same(read_records(plain), expected)


def test_columns_none_leaves_the_description_out(tmp_path: Path) -> None:
    path = tmp_path / "a.fa"
    path.write_text(">one two\nACGT\n")
    (block,) = read_blocks(path, columns="none")
    assert (block.ids.to_list(), block.columns.width) == (["one"], 0)


def test_a_record_longer_than_a_block(tmp_path: Path) -> None:
    path = tmp_path / "a.fa"
    path.write_text(">one\n" + "ACGTACGTAC\n" * 500 + ">two\nAC\n")
    got = blocks(path, block_bytes=64)
    assert got.lengths.tolist() == [5000, 2]


def test_blocks_close_after_many_bases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("strandloom.io.letters.BLOCK_BASES", 10)
    path = tmp_path / "a.fa"
    path.write_text("".join(f">{i}\nACGTAC\n" for i in range(5)))
    assert [len(b) for b in read_blocks(path)] == [2, 2, 1]


FAULTS = {
    "no third line": ("a.fq", b"@a\nAC\n+\nII\n@b\nAC\n", ":6, record 'b'", "2 of 4 lines"),
    "quality too short": ("a.fq", b"@a\nAC\n+\nII\n@b\nACGT\n+\nII\n", ":8, record 'b'", "4 bases but 2 quality"),
    "no plus": ("a.fq", b"@a\nAC\nII\n+\n", ":3, record 'a'", "third line"),
    "no at": ("a.fq", b"@a\nAC\n+\nII\nb\nAC\n+\nII\n", ":5, record '2'", "must begin with '@'"),
    "no header": ("a.fasta", b"ACGT\nACGT\n", ":1", "no '>'"),
    "no at first": ("a.fastq", b"ACGT\n", ":1", "no '@'"),
    "no sequence": ("a.fa", b">a\nAC\n>b\n>c\nAC\n", ":3, record 'b'", "empty"),
    "header only": ("a.fa", b">a\n", ":1, record 'a'", "empty"),
    "empty": ("a.fa", b"", "a.fa", "empty"),
    "blank": ("a.fa", b"\n\n", "a.fa", "empty"),
    "empty gz": ("a.fa.gz", gzip.compress(b""), "a.fa.gz", "empty"),
    "unknown letter": ("a.fa", b">a\nACGT\nAC!T\n", ":3, record 'a'", "'!' at position 7"),
    "protein": ("a.fa", b">a\nMKLVEF*\n", ":2, record 'a'", "protein"),
    "X": ("a.fa", b">a\nACXT\n", ":2, record 'a'", "unknown to n"),
    "Latin-1 letter": ("a.fa", b">a\nAC\xe9T\n", ":2, record 'a'", "byte 0xE9"),
    "SAM": ("a.sam", b"@HD\tVN:1.6\n", "a.sam", "SAM"),
}


@pytest.mark.parametrize(("name", "data", "where", "words"), FAULTS.values(), ids=FAULTS.keys())
@pytest.mark.parametrize("block_bytes", [1, 5, 1 << 20])
def test_faults(tmp_path: Path, name: str, data: bytes, where: str, words: str, block_bytes: int) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(InputError) as caught:
        list(read_blocks(path, block_bytes=block_bytes))
    assert (caught.value.where or "").endswith(where)
    assert words in str(caught.value)
    assert caught.value.hint


@pytest.mark.parametrize("block_bytes", [50, 1 << 20])
def test_damaged_gzip(tmp_path: Path, block_bytes: int) -> None:
    """Cut short, changed or followed by something else: one error; the sound rows before it come first."""
    rng = np.random.default_rng(1)
    rows = DNA.decode_table[rng.integers(0, 4, (20_000, 60), dtype=np.uint8)]
    data = gzip.compress(b"".join(b">r%d\n%s\n" % (i, row.tobytes()) for i, row in enumerate(rows)))
    block_bytes *= 200
    for name, bad, words in (
        ("cut", data[: len(data) // 2], "cut short"),
        ("crc", data[:-6] + bytes([data[-6] ^ 1]) + data[-5:], "damaged"),
        ("tail", data + b"more rubbish", "damaged"),
    ):
        path = tmp_path / f"{name}.fa.gz"
        path.write_bytes(bad)
        blocks_read: list[int] = []
        with pytest.raises(InputError) as caught:
            blocks_read.extend(len(b) for b in read_blocks(path, block_rows=100, block_bytes=block_bytes))
        assert words in caught.value.message
        assert sum(blocks_read) > 1000
        assert ", after line " in (caught.value.where or "")


def test_header_bytes_that_are_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / "a.fa"
    path.write_bytes(b">ab\xe9 caf\xe9\nAC\n>\nGT\n")
    got = read_records(path)
    assert got.ids.to_list() == ["ab\ufffd", "2"]
    assert got.columns["description"].to_list() == ["caf\ufffd", ""]


def test_a_reader_that_is_left_early_stops_its_thread(tmp_path: Path) -> None:
    import threading

    path = tmp_path / "a.fa.gz"
    path.write_bytes(gzip.compress(b"".join(b">r%d\nACGT\n" % i for i in range(300_000))))
    stream = read_blocks(path, block_rows=10)
    next(stream)
    stream.close()  # type: ignore[attr-defined]
    assert not [t for t in threading.enumerate() if t.name.startswith("read ")]


@pytest.mark.realdata
def test_real_reads_equal_dnaio(real_data: Path) -> None:
    path = real_data / "mifish_fastq" / "DRR126155_1.fastq.gz"
    got = read_records(path)
    with dnaio.open(path) as oracle:
        expected = list(oracle)
    assert got.ids.to_list() == [r.id for r in expected]
    assert texts(got) == [r.sequence for r in expected]
