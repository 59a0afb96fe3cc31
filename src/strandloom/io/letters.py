"""Letters under a policy: rows of bytes become codes, counted; the first forbidden row becomes one clear error."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from strandloom.alphabet import DNA, INVALID
from strandloom.errors import InputError
from strandloom.io.kernels import DROP, Bytes, Encoded, Kernels, Positions
from strandloom.io.records import MESSAGES, LeftOutRow, LetterCounts, Records, concat_columns
from strandloom.io.settings import LetterPolicy

BLOCK_BASES = 1 << 24
"""Bases after which a block of records is closed, whatever its number of rows."""

# One bit per kind of letter; a table entry is the code plus the kinds << 8, and DROP.
LOWER, URACIL, AMBIGUOUS, ANY, GAP, UNKNOWN = 1, 2, 4, 8, 16, 32
_KINDS = (LOWER, URACIL, AMBIGUOUS, ANY, GAP, UNKNOWN)
_BLANKS = b" \t\r\n"
_PROTEIN_ONLY = frozenset(b"EFILPQZefilpqz*")
_PROTEIN = frozenset(b"ABCDEFGHIKLMNOPQRSTUVWXYZabcdefghiklmnopqrstuvwxyz*-.")
_ALLOWED = "allowed are A C G T U, the IUPAC codes R Y S W K M B D H V N, and the gaps - and ."
EMPTY = 64
"""The problem of a row without letters (no kind of letter)."""


def letter_table(policy: LetterPolicy) -> NDArray[np.uint16]:
    """Byte to code, kinds and :data:`DROP`, uint16 ``(256,)``. Blanks leave no code and count as nothing."""
    table = np.zeros(256, np.uint16)
    for byte in range(256):
        code = int(DNA.encode_table[byte])
        if byte in _BLANKS:
            table[byte] = DROP
            continue
        if code == INVALID:
            table[byte] = DNA.any | UNKNOWN << 8
            continue
        letter = chr(byte)
        kinds = LOWER if letter.islower() else 0
        kinds |= URACIL if letter in "Uu" else 0
        kinds |= ANY if code == DNA.any else GAP if code == DNA.gap else AMBIGUOUS if code >= DNA.channels else 0
        if letter.islower() and policy.lower_case == "n":
            code = DNA.any
        table[byte] = code | kinds << 8
        if kinds & GAP and policy.gap == "remove":
            table[byte] |= DROP
    return table


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """Consecutive rows of a file as they were read, the ones to skip included."""

    codes: Bytes
    offsets: Positions
    ids: Callable[[], pl.Series]
    """String (N,), made when they are first asked for."""
    columns: pl.DataFrame
    kinds: NDArray[np.int32]
    """int32 (6, N): letters of each kind, in the order of ``_KINDS``."""
    problem: Bytes
    """uint8 (N,): 0 = kept, else the kind that makes the row skipped."""
    offender: Bytes
    """uint8 (N,): the byte that the problem is about."""
    places: Positions
    """int64 (N,): line or row number."""

    def __len__(self) -> int:
        return len(self.problem)

    def rows(self, first: int, last: int) -> Piece:
        """Rows ``first`` to ``last`` (excluded)."""
        if first == 0 and last == len(self):
            return self
        low, high = int(self.offsets[first]), int(self.offsets[last])
        part = slice(first, last)
        columns = self.columns[part] if self.columns.width else self.columns
        ids = self.ids
        return Piece(
            self.codes[low:high], self.offsets[first : last + 1] - low, lambda: ids()[part], columns,
            self.kinds[:, part], self.problem[part], self.offender[part], self.places[part],
        )  # fmt: skip

    @staticmethod
    def concat(parts: Sequence[Piece]) -> Piece:
        """Pieces one after the other."""
        if len(parts) == 1:
            return parts[0]
        lengths = np.concatenate([np.diff(p.offsets) for p in parts])
        ids = [p.ids for p in parts]
        return Piece(
            np.concatenate([p.codes for p in parts]),
            np.concatenate(([0], np.cumsum(lengths))),
            lambda: pl.concat([x() for x in ids]),
            concat_columns([p.columns for p in parts]),
            np.concatenate([p.kinds for p in parts], axis=1),
            np.concatenate([p.problem for p in parts]),
            np.concatenate([p.offender for p in parts]),
            np.concatenate([p.places for p in parts]),
        )


class Pieced(NamedTuple):
    """Rows up to the first forbidden one, and the error to raise after them."""

    piece: Piece
    error: InputError | None


class Letters:
    """Encodes the rows of one file.

    Parameters
    ----------
    policy
        What each kind of letter leads to.
    path
        The file, for messages.
    unit
        What places count: lines of a text file, or rows.
    lead
        Lines from the place of a record to the first line of its sequence (1 for FASTA and FASTQ).
    """

    def __init__(self, policy: LetterPolicy, path: str, *, unit: Literal["line", "row"], lead: int = 0) -> None:
        self.policy, self.path, self.unit, self.lead = policy, path, unit, lead
        self.kernels = Kernels()

    @cached_property
    def table(self) -> NDArray[np.uint16]:
        """The look-up table of the policy."""
        return letter_table(self.policy)

    @cached_property
    def _actions(self) -> tuple[tuple[int, str], ...]:
        p = self.policy
        return ((UNKNOWN, p.unknown), (AMBIGUOUS, p.ambiguous), (ANY, p.n), (GAP, p.gap), (EMPTY, p.empty))

    def encode(
        self,
        buffer: Bytes,
        starts: Positions,
        ends: Positions,
        *,
        ids: pl.Series,
        columns: pl.DataFrame,
        places: Positions,
    ) -> Pieced:
        """Encode the rows ``[starts, ends)`` of a buffer.

        Parameters
        ----------
        buffer
            uint8 (bytes,).
        starts, ends
            int64 (N,), in order and without overlap.
        ids, columns
            N rows each; ``columns`` may have no columns.
        places
            int64 (N,): line or row numbers of the records.
        """
        encoded = self.kernels.encode(buffer, starts, ends, self.table)
        flagged = np.flatnonzero(encoded.flags)
        starts, ends = starts[flagged], ends[flagged]
        texts = self.kernels.select(buffer, starts, ends) if len(flagged) else buffer[:0]
        edges = np.concatenate(([0], np.cumsum(ends - starts)))
        return self.judge(encoded, texts, edges, ids=lambda: ids, columns=columns, places=places)

    def judge(
        self,
        encoded: Encoded,
        texts: Bytes,
        edges: Positions,
        *,
        ids: Callable[[], pl.Series],
        columns: pl.DataFrame,
        places: Positions,
    ) -> Pieced:
        """As :meth:`encode`, of N rows that are encoded already.

        Parameters
        ----------
        encoded
            Codes, lengths and flags.
        texts, edges
            The flagged rows as written: uint8 (bytes,), and int64 (flagged rows + 1,) where they begin and end in it.
        ids, columns, places
            As for :meth:`encode`; the ids as a function that makes them.
        """
        codes, lengths, flags = encoded
        n = len(lengths)
        problem, error_row = np.zeros(n, np.uint8), n
        if flags.any() or not lengths.all():
            met = flags | np.where(lengths == 0, EMPTY, 0).astype(np.uint8)
            for kind, action in self._actions:
                hit = (met & kind) != 0
                if action == "skip":
                    problem[hit & (problem == 0)] = kind
                elif action == "error" and hit.any():
                    error_row = min(error_row, int(hit.argmax()))
        kinds, offender = self._count(flags, texts, edges, problem)
        offsets = np.concatenate(([0], np.cumsum(lengths)))
        piece = Piece(codes, offsets, ids, columns, kinds, problem, offender, places)
        if error_row == n:
            return Pieced(piece, None)
        text = b""  # of a row without letters
        if flags[error_row]:
            at = np.count_nonzero(flags[:error_row])
            text = texts[edges[at] : edges[at + 1]].tobytes()
        error = self._error(text, int(flags[error_row]), str(ids()[error_row]), int(places[error_row]))
        return Pieced(piece.rows(0, error_row), error)

    def _count(self, flags: Bytes, texts: Bytes, edges: Positions, problem: Bytes) -> tuple[NDArray[np.int32], Bytes]:
        """Letters of each kind, int32 ``(6, N)``, and the first byte of each row's problem."""
        counts, offender = np.zeros((len(_KINDS), len(flags)), np.int32), np.zeros(len(flags), np.uint8)
        rows = np.flatnonzero(flags)
        if len(rows) == 0:
            return counts, offender
        kinds = ((self.table >> 8) & 0x7F).astype(np.uint8)[texts]
        met = int(np.bitwise_or.reduce(flags))
        for row, kind in enumerate(_KINDS):
            if met & kind:
                counts[row, rows] = np.add.reduceat((kinds & kind) != 0, edges[:-1], dtype=np.int32)
        for kind in (UNKNOWN, AMBIGUOUS, ANY, GAP):
            at = np.flatnonzero((kinds & kind) != 0) if (problem == kind).any() else np.zeros(0, np.int64)
            if len(at):
                owner, first = np.unique(np.searchsorted(edges, at, side="right") - 1, return_index=True)
                mine = problem[rows[owner]] == kind
                offender[rows[owner][mine]] = texts[at[first]][mine]
        return counts, offender

    def place(self, number: int, record: str) -> str:
        """``file:line, record 'id'`` or ``file, row 3, record 'id'``."""
        at = f"{self.path}:{number}" if self.unit == "line" else f"{self.path}, row {number}"
        return f"{at}, record '{record}'"

    def _error(self, text: bytes, flags: int, record: str, place: int) -> InputError:
        kinds = (self.table >> 8) & 0x7F
        for kind, action in self._actions:
            if action != "error" or kind == EMPTY or not flags & kind:
                continue
            at = next(i for i, byte in enumerate(text) if kinds[byte] & kind)
            if self.unit == "line":
                place += self.lead + text.count(b"\n", 0, at)
            position = at - sum(text.count(bytes([b]), 0, at) for b in _BLANKS) + 1
            letter = _show(text[at])
            where = self.place(place, record)
            if kind == UNKNOWN:
                message = f"{letter} at position {position} is no DNA letter; {_ALLOWED}"
                return InputError(message, where=where, hint=_unknown_hint(text, text[at]))
            name = {AMBIGUOUS: "ambiguous", ANY: "n", GAP: "gap"}[kind]
            return InputError(
                f"{letter} at position {position} is not allowed by the letter policy",
                where=where,
                hint=f"set data.letters.{name} to keep or skip",
            )
        return InputError(
            "the sequence is empty",
            where=self.place(place, record),
            hint="remove the row, or set data.letters.empty to skip",
        )


def _show(byte: int) -> str:
    return f"'{chr(byte)}'" if 33 <= byte < 127 else f"the byte 0x{byte:02X}"


def _unknown_hint(text: bytes, letter: int) -> str:
    letters = frozenset(text) - frozenset(_BLANKS)
    if letters & _PROTEIN_ONLY and letters <= _PROTEIN:
        return "this looks like a protein; strandloom reads DNA and RNA, so give the coding nucleotides"
    if letter in b"Xx?":
        return "write N for an unknown base, or set data.letters.unknown to n"
    return "correct it, choose another sequence column, or set data.letters.unknown to skip or n"


def _reason(kind: int, byte: int) -> str:
    if kind == EMPTY:
        return "the sequence is empty"
    return (
        f"{_show(byte)} is no DNA letter" if kind == UNKNOWN else f"{_show(byte)} is not allowed by the letter policy"
    )


def finish(piece: Piece, letters: Letters, *, id_name: str | None) -> Records:
    """Records of the rows that are kept, with what was met."""
    skipped = np.flatnonzero(piece.problem)
    names = piece.ids
    told: tuple[str, ...] = ()
    if len(skipped):
        ids = names()
        told = tuple(
            f"record '{ids[int(i)]}' ({letters.unit} {piece.places[i]}): "
            + _reason(int(piece.problem[i]), int(piece.offender[i]))
            for i in skipped[:MESSAGES]
        )
    kinds = piece.kinds.sum(axis=1, dtype=np.int64) - piece.kinds[:, skipped].sum(axis=1, dtype=np.int64)
    lower, uracil, ambiguous, n, gaps, unknown = kinds.tolist()
    lengths = piece.offsets[skipped + 1] - piece.offsets[skipped]
    counts = LetterCounts(
        rows=len(piece) - len(skipped), bases=len(piece.codes) - int(lengths.sum()), lower_case=lower, uracil=uracil,
        ambiguous=ambiguous, n=n, gaps=gaps, skipped_rows=len(skipped), skipped=told, unknown=unknown,
    )  # fmt: skip
    records = Records(piece.codes, piece.offsets, lambda: names().rename("id"), piece.columns, counts, id_name)
    if not len(skipped):
        return records
    return replace(records.take(piece.problem == 0), left_out=lambda: _left_out(piece, skipped))


def _left_out(piece: Piece, skipped: NDArray[np.intp]) -> list[LeftOutRow]:
    ids = piece.ids().gather(skipped).to_list()
    kinds, offenders = piece.problem[skipped].tolist(), piece.offender[skipped].tolist()
    return [LeftOutRow(*one) for one in zip(skipped.tolist(), ids, map(_reason, kinds, offenders), strict=True)]


def regroup(
    pieces: Iterable[Pieced],
    letters: Letters,
    *,
    block_rows: int,
    id_name: str | None = None,
) -> Iterator[Records]:
    """Blocks of ``block_rows`` rows read (the last one shorter), closed earlier after 16 million bases.

    A fault is raised after the sound rows.
    """
    held: list[Piece] = []
    rows = bases = 0
    fault: InputError | None = None
    with closing(iter(pieces)) as source:  # type: ignore[type-var]  # generators, which have close()
        while fault is None:
            try:
                piece, fault = next(source)
            except StopIteration:
                break
            except InputError as error:
                fault = error
                break
            first = 0
            while first < len(piece):
                reached = np.searchsorted(piece.offsets, piece.offsets[first] + BLOCK_BASES - bases)
                last = min(first + block_rows - rows, int(reached), len(piece))
                last = max(last, first + 1)
                held.append(piece.rows(first, last))
                rows += last - first
                bases += int(piece.offsets[last] - piece.offsets[first])
                first = last
                if rows == block_rows or bases >= BLOCK_BASES:
                    yield finish(Piece.concat(held), letters, id_name=id_name)
                    held, rows, bases = [], 0, 0
    if held:
        yield finish(Piece.concat(held), letters, id_name=id_name)
    if fault is not None:
        raise fault
