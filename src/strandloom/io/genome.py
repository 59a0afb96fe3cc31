"""A genome on disk as codes: a FASTA (plain or gz) is read once into a memory map; windows are cut at any place, on either strand.

The map is made beside and renamed when complete, and remembers the file that it was made of by size, time and hash; several processes may
open it at once.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from strandloom.alphabet import DNA, Codes
from strandloom.errors import InputError, OutputError, nearest
from strandloom.io.plain import read_json, write_json
from strandloom.io.read import read_blocks
from strandloom.io.settings import LetterPolicy
from strandloom.io.write import make_folder, output_error, remove_empty, sha256

FORMAT = 1
_INDEX, _CODES = "genome.json", "codes.bin"


class Contig(NamedTuple):
    """A sequence of the genome: its name, where it begins in the map, and its bases."""

    name: str
    start: int
    length: int


class Windows(NamedTuple):
    """Windows cut out of a genome."""

    codes: Codes
    """uint8 ``(N, L)``; padding beyond the ends of a contig."""
    lengths: NDArray[np.int32]
    """int32 ``(N,)``: columns that lie on the contig."""
    padded: int
    """Windows that lie over an end."""


def called_here(name: str, known: Container[str]) -> str | None:
    """What a contig is called where its name differs in ``chr`` only; None: there is none."""
    other = name[3:] if name.lower().startswith("chr") else f"chr{name}"
    return other if other in known else None


@dataclass(frozen=True, eq=False)
class Genome:
    """A genome as a memory map.

    Parameters
    ----------
    path
        The FASTA.
    contigs
        In the order of the file.
    codes
        uint8: the bases of all contigs one after the other, memory-mapped.
    aliases
        Other names of contigs to those of the FASTA.
    note
        What was done to open it, in plain words; empty where the map was there.
    """

    path: Path
    contigs: tuple[Contig, ...]
    codes: Codes
    note: str = ""
    aliases: dict[str, str] = field(default_factory=dict)

    @cached_property
    def _numbers(self) -> dict[str, int]:
        own = {contig.name: i for i, contig in enumerate(self.contigs)}
        return {**{other: own[name] for other, name in self.aliases.items()}, **own}

    def also_called(self, aliases: dict[str, str]) -> Genome:
        """The same genome, whose contigs have other names too."""
        return Genome(self.path, self.contigs, self.codes, self.note, aliases)

    @cached_property
    def starts(self) -> NDArray[np.int64]:
        """Where each contig begins in the map, int64 ``(C,)``."""
        return np.array([contig.start for contig in self.contigs], np.int64)

    @cached_property
    def sizes(self) -> NDArray[np.int64]:
        """Bases of each contig, int64 ``(C,)``."""
        return np.array([contig.length for contig in self.contigs], np.int64)

    def find(self, names: Sequence[str]) -> NDArray[np.int64]:
        """Numbers of contigs by name, int64 ``(N,)``; -1 where there is none of that name."""
        known = self._numbers
        return np.array([known.get(name, -1) for name in names], np.int64)

    def number(self, name: str, *, where: str | Path | None = None) -> int:
        """The number of a contig.

        Raises
        ------
        InputError
            There is none of that name; a name that differs in ``chr`` only is suggested.
        """
        found = self._numbers.get(name)
        if found is not None:
            return found
        raise InputError(f"the genome has no contig '{name}'", where=where, hint=self._hint(name))

    def numbers(self, names: Sequence[str], *, where: str | Path | None = None) -> NDArray[np.int64]:
        """Numbers of contigs by name, int64 ``(N,)``; errors as of :meth:`number`."""
        known: dict[str, int] = {}
        for name in dict.fromkeys(names):
            known[name] = self.number(name, where=where)
        return np.array([known[name] for name in names], np.int64)

    def _hint(self, name: str) -> str:
        other = called_here(name, self._numbers)
        if other is not None:
            return f"the genome calls it '{other}'; `data label` and `variants` take --alias TABLE with two columns of names"
        like = nearest(name, self._numbers)
        shown = ", ".join(list(self._numbers)[:6]) + (" …" if len(self.contigs) > 6 else "")
        return f"did you mean '{like}'? contigs: {shown}" if like else f"contigs: {shown}"

    def windows(
        self,
        contig: NDArray[np.integer],
        start: NDArray[np.integer],
        *,
        length: int,
        minus: NDArray[np.bool_] | None = None,
    ) -> Windows:
        """Cut windows.

        Parameters
        ----------
        contig, start
            int ``(N,)``: number of the contig, and the first base of the window counted from 0; may lie before or behind the contig.
        length
            Bases L of every window.
        minus
            bool ``(N,)``: whether a window is read on the other strand; None: none is.
        """
        from strandloom.io.genome_kernels import cut

        count = len(contig)
        out = np.empty((count, length), np.uint8)
        lengths = np.empty(count, np.int32)
        turn = np.zeros(count, np.bool_) if minus is None else np.asarray(minus, np.bool_)
        cut(
            self.codes, self.starts, self.sizes, np.asarray(contig, np.int64), np.asarray(start, np.int64), turn, DNA.complement_table,
            np.uint8(DNA.pad), out, lengths,
        )  # fmt: skip
        return Windows(out, lengths, int((lengths < length).sum()))


def open_genome(path: str | Path, *, cache: str | Path | None = None, verify: bool = False) -> Genome:
    """Open a genome, reading its FASTA into a memory map the first time.

    Parameters
    ----------
    path
        FASTA, plain or gz.
    cache
        Folder for the map; by default ``<path>.strandloom`` beside the FASTA.
    verify
        Whether the hash of the FASTA and of the map are checked, and not only sizes and time.

    Raises
    ------
    InputError
        The FASTA cannot be read, holds a name twice or no sequence, or a letter that is no base.
    OutputError
        The map cannot be written into the folder that was named: it is read-only, or the disk is full. Nothing is left half-made; beside a
        FASTA that cannot be written to, the genome is held in memory instead.
    """
    source = Path(path)
    folder = Path(cache) if cache is not None else source.with_name(source.name + ".strandloom")
    try:
        facts = source.stat()
    except OSError as error:
        raise InputError(f"the genome cannot be read: {error.strerror}", where=source) from None
    known = _stored(folder)
    if known is not None:
        same = known["source"]["bytes"] == facts.st_size and (
            (not verify and known["source"]["modified"] == facts.st_mtime_ns)
            or known["source"]["sha256"] == sha256(source)
        )
        if same and (not verify or known["sha256"] == sha256(folder / _CODES)):
            return _opened(source, folder, known, "")
    note = "the genome was read into a memory map" if known is None else "the genome had changed and was read again"
    try:
        _build(source, folder, facts)
    except OutputError:
        if cache is not None:
            raise
        return _in_memory(source, folder)
    made = _stored(folder)
    assert made is not None
    return _opened(source, folder, made, f"{note}: {folder}")


def _in_memory(source: Path, folder: Path) -> Genome:
    """The genome in memory, where the folder of the FASTA cannot be written and no other was named."""
    codes, contigs, bases = [], [], 0
    for name, own in _sequences(source):
        codes.append(own)
        contigs.append(Contig(name, bases, len(own)))
        bases += len(own)
    return Genome(
        source, tuple(contigs), np.concatenate(codes), f"{folder} cannot be written: the genome is held in memory"
    )


def _sequences(source: Path) -> Iterator[tuple[str, Codes]]:
    """Name and codes of every contig.

    Raises
    ------
    InputError
        A name stands twice, or there is no sequence.
    """
    names: set[str] = set()
    for block in read_blocks(source, policy=LetterPolicy(empty="skip"), block_rows=1, columns="none"):
        for row in range(len(block)):
            name = block.ids[row]
            if name in names:
                raise InputError(f"the name '{name}' stands twice", where=source, hint="give contigs distinct names")
            names.add(name)
            yield name, np.ascontiguousarray(block.codes[int(block.offsets[row]) : int(block.offsets[row + 1])])
    if not names:
        raise InputError("the file holds no sequence", where=source)


def _stored(folder: Path) -> dict[str, Any] | None:
    """The index of a folder; None where there is none, it is of another version, or its map is not whole."""
    if not (folder / _INDEX).is_file():
        return None
    try:
        known: dict[str, Any] = read_json(folder / _INDEX)
        whole = known["format"] == FORMAT and (folder / _CODES).stat().st_size == known["bases"]
    except (InputError, OSError, KeyError, TypeError):
        return None
    return known if whole else None


def _opened(source: Path, folder: Path, known: dict[str, Any], note: str) -> Genome:
    contigs = tuple(Contig(str(name), int(start), int(length)) for name, start, length in known["contigs"])
    codes = np.memmap(folder / _CODES, np.uint8, "r") if known["bases"] else np.zeros(0, np.uint8)
    return Genome(source, contigs, codes, note)


def _build(source: Path, folder: Path, facts: os.stat_result) -> None:
    """Read the FASTA and put the map in its place, whole or not at all."""
    beside = folder.with_name(f".{folder.name[:100]}.{secrets.token_hex(4)}.part")
    try:
        made = make_folder(beside)
    except OSError as error:
        failed = output_error(error, folder)
        raise OutputError(
            failed.message, where=folder, hint="name a folder that can be written with --cache (cache=)"
        ) from error
    try:
        contigs: list[tuple[str, int, int]] = []
        bases = 0
        with (beside / _CODES).open("wb") as handle:
            for name, own in _sequences(source):
                handle.write(own.tobytes())
                contigs.append((name, bases, len(own)))
                bases += len(own)
            handle.flush()
            os.fsync(handle.fileno())
        index = {
            "format": FORMAT, "bases": bases, "sha256": sha256(beside / _CODES), "contigs": contigs,
            "source": {
                "name": source.name, "bytes": facts.st_size, "modified": facts.st_mtime_ns, "sha256": sha256(source),
            },
        }  # fmt: skip
        write_json(beside / _INDEX, index)
        if folder.exists():
            shutil.rmtree(folder)
        beside.rename(folder)
    except OSError as error:
        shutil.rmtree(beside, ignore_errors=True)
        remove_empty(made)
        if _stored(folder) is not None:  # another process was faster
            return
        raise output_error(error, folder) from error
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        remove_empty(made)
        raise
