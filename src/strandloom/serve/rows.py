"""Sequences of a request as rows of a model: what can be read is computed, and each other row has its own error."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from strandloom.io.letters import Letters, finish
from strandloom.io.records import Records
from strandloom.io.settings import LetterPolicy
from strandloom.serve.answerers import Rows
from strandloom.serve.models import Loaded
from strandloom.serve.problems import Problem, row_line
from strandloom.serve.settings import LimitSettings

_FORM = 'a list of sequences, or {"sequences": […]}; each a text or {"id": …, "sequence": …}'
_LONGEST_ID = 1_000


@dataclass(frozen=True, eq=False)
class Asked:
    """Rows of a request or of a block of a file.

    Parameters
    ----------
    rows
        Those that can be computed, in order; None where there are none.
    lines
        One a row of the request: the result of a row that cannot, None where the answer will stand.
    """

    rows: Rows | None
    lines: list[str | None]

    @property
    def errors(self) -> int:
        """Rows that cannot be answered."""
        return sum(line is not None for line in self.lines)

    def merged(self, answers: Sequence[str]) -> list[str]:
        """A line for each row, in order."""
        if not self.errors:
            return list(answers)
        found = iter(answers)
        return [next(found) if line is None else line for line in self.lines]


def tolerant(policy: LetterPolicy) -> LetterPolicy:
    """The letter policy of a model, but a row that would stop a file is left out with its reason."""
    return policy.model_copy(update={kind: "skip" for kind, action in policy.model_dump().items() if action == "error"})


def parsed(body: bytes) -> Any:
    """A JSON body.

    Raises
    ------
    Problem
        400: it is none.
    """
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        said = "nested too deeply" if isinstance(error, RecursionError) else str(error)[:200]
        raise Problem(400, "no_json", f"the body is no JSON: {said}", hint=f"send {_FORM}") from None


def asked_of_json(body: Any, model: Loaded, limits: LimitSettings) -> Asked:
    """Rows of a JSON body.

    Raises
    ------
    Problem
        The body has another form, no rows or too many.
    """
    items = body.get("sequences") if isinstance(body, dict) else body
    if not isinstance(items, list):
        raise Problem(422, "wrong_request", "the body holds no list of sequences", hint=f"send {_FORM}")
    if isinstance(body, dict) and (other := sorted(set(body) - {"sequences"})):
        raise Problem(422, "wrong_request", f"unknown key '{other[0][:80]}'", hint=f"send {_FORM}")
    if not items:
        raise Problem(422, "no_rows", "there is no sequence to predict")
    if len(items) > limits.rows:
        raise Problem(
            413,
            "too_many_rows",
            f"{len(items):,} sequences; at most {limits.rows:,} in a JSON body",
            hint="send a file (FASTA, CSV …): it may have any number of rows",
        )
    lines: list[str | None] = [None] * len(items)
    covariates = model.answerer.covariates
    given: dict[str, list[str]] = {name: [] for name in ("id", "sequence", *covariates)}
    places = []
    for i, item in enumerate(items):
        row_id, text, fault = _row(item, i, limits.bases, covariates=covariates)
        if fault is None:
            given["id"].append(row_id)
            given["sequence"].append(text)
            for name in covariates:
                value = item.get(name) if isinstance(item, dict) else None
                given[name].append("" if value is None else str(value).encode("utf-8", "replace").decode())
            places.append(i)
        else:
            lines[i] = row_line(row_id, *fault)
    records = encoded(
        given["id"],
        given["sequence"],
        tolerant(model.answerer.letters),
        columns=pl.DataFrame({x: pl.Series(given[x], dtype=pl.String) for x in covariates}),
    )
    return _asked(records, places, lines, model)


def asked_of_block(records: Records, model: Loaded) -> Asked:
    """Rows of a block of a file, those that the reader left out included."""
    left = len(records.left_out()) if records.letters.skipped_rows else 0
    count = len(records) + left
    return _asked(records, range(count), [None] * count, model)


def encoded(
    ids: Sequence[str], texts: Sequence[str], policy: LetterPolicy, *, columns: pl.DataFrame | None = None
) -> Records:
    """Sequences in memory as records, those that the policy leaves out with their reasons."""
    letters = Letters(policy, "the request", unit="row")
    buffer = np.frombuffer("".join(texts).encode("ascii", "replace"), np.uint8)
    ends = np.cumsum(np.fromiter(map(len, texts), np.int64, len(texts)))
    piece = letters.encode(
        buffer,
        np.concatenate([np.zeros(1, np.int64), ends])[:-1],
        ends,
        ids=pl.Series("id", ids, dtype=pl.String),
        columns=pl.DataFrame() if columns is None else columns,
        places=np.arange(1, len(texts) + 1),
    ).piece
    return finish(piece, letters, id_name=None)


def _asked(records: Records, places: Sequence[int], lines: list[str | None], model: Loaded) -> Asked:
    """Put the reasons of rows that were left out, or are too long, where those rows stand."""
    gone = records.left_out() if records.letters.skipped_rows else []
    for one in gone:
        lines[places[one.row]] = row_line(one.id, "unreadable_sequence", one.reason)
    faults = model.answerer.faults(records)
    if faults:
        left = {one.row for one in gone}
        kept = [place for row, place in enumerate(places) if row not in left]
        for i, fault in faults.items():
            lines[kept[i]] = row_line(records.ids[i], *fault)
        fine = np.ones(len(records), bool)
        fine[list(faults)] = False
        records = records.take(fine)
    return Asked(model.answerer.ready(records) if len(records) else None, lines)


def _row(item: Any, number: int, longest: int, *, covariates: Sequence[str]) -> tuple[str, str, tuple[str, str] | None]:
    """Id and text of a row, or what is wrong with it."""
    row_id, text = str(number + 1), item
    if isinstance(item, dict):
        given = item.get("id", row_id)
        if isinstance(given, bool) or not isinstance(given, (str, int, float)) or len(str(given)) > _LONGEST_ID:
            return row_id, "", ("wrong_row", "the id is neither a short text nor a number")
        row_id, text = str(given).encode("utf-8", "replace").decode(), item.get("sequence")
        if other := sorted(set(item) - {"id", "sequence", *covariates}):
            return row_id, "", ("wrong_row", f"unknown key '{other[0][:80]}'")
        for name in covariates:
            value = item.get(name)
            if isinstance(value, bool) or not isinstance(value, (int, float, str, type(None))) or len(str(value)) > 80:
                return row_id, "", ("wrong_row", f"{name} is no number")
    if not isinstance(text, str):
        return row_id, "", ("wrong_row", "the sequence is no text" if text is not None else "there is no sequence")
    if len(text) > longest:
        return row_id, "", ("too_long", f"{len(text):,} letters; at most {longest:,}")
    return row_id, text, None


def chunks(lines: Sequence[str]) -> Iterator[bytes]:
    """Lines of NDJSON as bytes, some thousand at a time."""
    for start in range(0, len(lines), 4096):
        yield ("\n".join(lines[start : start + 4096]) + "\n").encode()
