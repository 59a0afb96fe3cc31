"""What kind of file is this? From its content first, then from its name."""

from __future__ import annotations

import re
from collections.abc import Generator
from pathlib import Path
from typing import Literal, NamedTuple

from strandloom.errors import InputError
from strandloom.io.kernels import as_bytes
from strandloom.io.names import SEQUENCE_NAMES
from strandloom.io.stream import ByteStream, Compression, open_error

FileFormat = Literal["fasta", "fastq", "csv", "tsv", "lines", "parquet", "npy", "npz", "ndjson", "hdf5", "mat"]
SUPPORTED = "FASTA, FASTQ, CSV, TSV, NDJSON, one sequence per line (each plain or .gz), Parquet, NPY, NPZ, HDF5, MATLAB"
BED_COMMENTS = ("track", "browser")
"""First words of lines in BED that are no places; those that begin with # are none either."""
_BED_COMMENT = re.compile(rb"#|(?:%s)(?: |$)" % "|".join(BED_COMMENTS).encode())
_BED_PLACE = re.compile(rb"[^\t]+\t\d+\t\d+(?:\t|$)")
_HEAD = 1 << 16
BOM = b"\xef\xbb\xbf"

_OTHERS: tuple[tuple[bytes, str, str], ...] = (
    (b"BZh", "a bzip2 file", "unpack it first: bunzip2 FILE"),
    (b"\xfd7zXZ\0", "an xz file", "unpack it first: unxz FILE"),
    (b"\x28\xb5\x2f\xfd", "a zstd file", "unpack it first: unzstd FILE"),
    (b"BAM\1", "a BAM file", "convert it first: samtools fastq FILE"),
    (b"CRAM", "a CRAM file", "convert it first: samtools fastq FILE"),
    (b"\xff\xfe", "UTF-16 text", "save it as UTF-8"),
    (b"\xfe\xff", "UTF-16 text", "save it as UTF-8"),
    (b"%PDF", "a PDF file", "export the table as CSV"),
    (b"\xd0\xcf\x11\xe0", "an old Excel file", "export the table as CSV"),
    (b"##fileformat=VCF", "a VCF file (variants, not sequences)", "use it with `strandloom variants`"),
    (b"##gff", "a GFF file (features, not sequences)", "give the sequences as FASTA"),
    (b"LOCUS ", "a GenBank file", "export the sequences as FASTA"),
    (b"ID   ", "an EMBL file", "export the sequences as FASTA"),
    (b"<", "an HTML or XML file", "the download may have failed: open it in a text editor"),
)
_SAM = re.compile(rb"@(HD|SQ|RG|PG|CO)\t")
_LETTERS = re.compile(rb"[A-Za-z*.?-]+")
_DNA = re.compile(rb"[ACGTURYSWKMBDHVNacgturyswkmbdhvn.-]+")
_SUFFIXES: dict[str, FileFormat] = {
    ".fa": "fasta", ".fasta": "fasta", ".fna": "fasta", ".ffn": "fasta", ".fas": "fasta", ".fsa": "fasta",
    ".fq": "fastq", ".fastq": "fastq", ".csv": "csv", ".tsv": "tsv", ".tab": "tsv",
    ".ndjson": "ndjson", ".jsonl": "ndjson",
}  # fmt: skip


class Detected(NamedTuple):
    """Format of a file, how it is compressed, and what separates the fields of a CSV or TSV (else ``""``)."""

    format: FileFormat
    compression: Compression
    separator: str = ""
    places: bool = False
    """Whether a TSV is BED: no names of columns, the second and third field of its first place are numbers."""


def detect(path: str | Path) -> Detected:
    """Recognise a file.

    Raises
    ------
    InputError
        The file is missing, empty, damaged, or of a kind that cannot be read; the hint says what to do.
    """
    path = Path(path)
    if path.is_fifo() or path.is_char_device():
        raise InputError(
            "a pipe cannot be read: a file is looked at before it is read", where=path, hint="write it to a file first"
        )
    try:
        with path.open("rb") as file:
            magic = file.read(8)
    except OSError as error:
        raise open_error(error, path) from error
    compression: Compression = "gzip" if magic[:2] == b"\x1f\x8b" else "none"
    with ByteStream(path, compression) as stream:
        head = next(stream.blocks(_HEAD), as_bytes(b"")).tobytes()
        complete = len(head) < _HEAD
    if not head.strip():
        raise InputError("the file is empty", where=path, hint=f"supported are {SUPPORTED}")
    for start, kind, hint in _OTHERS:
        if head.startswith(start):
            raise InputError(f"this is {kind}; supported are {SUPPORTED}", where=path, hint=hint)
    if head.startswith((b"PAR1", b"PK\3\4")):
        if compression == "gzip":
            raise InputError("a compressed Parquet, NPZ or zip file", where=path, hint="unpack it first: gunzip FILE")
        return Detected("parquet", "none") if head.startswith(b"PAR1") else _zip(path)
    if head.startswith((b"\x89HDF", b"MATLAB 7.3")):
        return Detected("hdf5", "none")
    if head.startswith(b"MATLAB 5.0"):
        return Detected("mat", "none")
    if head.startswith(b"\x93NUMPY"):
        return Detected("npy", compression)
    if b"\0" in head:
        raise InputError(f"this is a binary file of an unknown kind; supported are {SUPPORTED}", where=path)
    return _text(path, head.removeprefix(BOM).lstrip(b"\r\n"), compression, complete=complete)


def _zip(path: Path) -> Detected:
    import zipfile

    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError) as error:
        raise InputError(
            f"the zip archive is damaged: {error}", where=path, hint="copy or download the file again"
        ) from error
    if names and all(name.endswith(".npy") for name in names):
        return Detected("npz", "none")
    if any(name.startswith("xl/") for name in names):
        raise InputError("this is an Excel file", where=path, hint="export the sheet as CSV")
    raise InputError(
        "this is a zip archive, not a sequence file", where=path, hint="unpack it and name the file inside"
    )


def _text(path: Path, head: bytes, compression: Compression, *, complete: bool) -> Detected:
    lines = [line.rstrip(b"\r") for line in head.split(b"\n")]
    if not complete and len(lines) > 1:
        lines.pop()
    at = next((i for i, line in enumerate(lines) if line and not _BED_COMMENT.match(line)), 0)
    if _BED_PLACE.match(lines[at]):
        return Detected("tsv", compression, "\t", places=True)
    first = lines[0]
    second = next((line for line in lines[1:] if line), b"")
    named = named_format(path)
    if first.startswith(b">"):
        return Detected("fasta", compression)
    if _SAM.match(first):
        raise InputError("this is a SAM file", where=path, hint="convert it first: samtools fastq FILE")
    if first.startswith(b"@"):
        return Detected("fastq", compression)
    if first.lstrip().startswith(b"{"):
        return Detected("ndjson", compression)
    if named == "fasta":
        raise InputError(
            "no '>' at the start, so this is no FASTA file",
            where=f"{path}:1",
            hint="every record begins with a line `>id`",
        )
    if named == "fastq":
        raise InputError(
            "no '@' at the start, so this is no FASTQ file",
            where=f"{path}:1",
            hint="every record begins with a line `@id`",
        )
    for separator, table in ((b"\t", "tsv"), (b",", "csv"), (b";", "csv")):
        if separator in first:
            return Detected(table, compression, separator.decode())  # type: ignore[arg-type]
    name = first.strip().strip(b'"')
    single = "tsv" if named == "tsv" else "csv"
    if named in ("csv", "tsv") or name.lower().decode("latin-1") in SEQUENCE_NAMES:
        return Detected(single, compression, "\t" if single == "tsv" else ",")  # type: ignore[arg-type]
    if _DNA.fullmatch(name) or (
        _LETTERS.fullmatch(name) and len(name) >= 10 and (not second or _LETTERS.fullmatch(second.strip()))
    ):
        return Detected("lines", compression)
    shown = first[:40].decode("utf-8", "replace")
    raise InputError(f"unknown kind of file (it begins with {shown!r}); supported are {SUPPORTED}", where=path)


def named_format(path: Path) -> FileFormat | None:
    """What the name says, ``.gz`` aside; None for another suffix."""
    name = path.name.lower().removesuffix(".gz").removesuffix(".bgz")
    return _SUFFIXES.get(Path(name).suffix)


def text_blocks(stream: ByteStream, size: int) -> Generator[bytes, None, None]:
    """The blocks of a text file without its byte-order mark."""
    blocks = stream.blocks(max(size, len(BOM) + 1))  # an empty block would be the end
    yield next(blocks, as_bytes(b"")).tobytes().removeprefix(BOM)
    for block in blocks:
        yield block.tobytes()
