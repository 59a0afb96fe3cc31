"""Rules that designed sequences keep to: how much each is broken by many sequences at once, and which cannot be kept at all."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from strandloom.alphabet import DNA, Codes
from strandloom.design.motifs import BITS, Batch, bits_of, motif_of, places, spelled
from strandloom.design.settings import LETTERS, RuleSettings
from strandloom.errors import SettingsError
from strandloom.words import plural

STOPS = ("TAA", "TAG", "TGA")
_BLOCK = 20_000


class Rule(NamedTuple):
    """A rule by name, and by how much sequences break it."""

    name: str
    """In words, with its numbers."""
    broken: Callable[[Batch], NDArray[np.int64]]
    """Zero where it is kept; more, the farther from it."""


@dataclass(frozen=True, eq=False)
class Rules:
    """Rules for starts of a window.

    Parameters
    ----------
    settings
        As asked for.
    starts
        uint8 ``(S, L)``; what is fixed, and from what edits are counted.
    first, length
        int64 ``(S,)``.
    allowed
        bool ``(S, L, 4)``: bases that may stand at each column; none at padding.
    """

    settings: RuleSettings
    starts: Codes
    first: NDArray[np.int64]
    length: NDArray[np.int64]
    allowed: NDArray[np.bool_]

    @classmethod
    def of(cls, settings: RuleSettings, starts: Codes, lengths: NDArray[np.integer], *, ids: Sequence[str]) -> Rules:
        """Rules for some starts.

        Raises
        ------
        SettingsError
            A place does not lie in a start, or rules cannot be kept together: which ones is said.
        """
        rules, faults = cls.with_faults(settings, starts, lengths, ids=ids)
        for fault in faults.values():
            raise fault
        return rules

    @classmethod
    def with_faults(
        cls, settings: RuleSettings, starts: Codes, lengths: NDArray[np.integer], *, ids: Sequence[str]
    ) -> tuple[Rules, dict[int, SettingsError]]:
        """Rules for some starts, and of those starts for which they cannot be kept the reason, by number."""
        length = np.asarray(lengths, np.int64)
        first = np.asarray((starts != DNA.pad).argmax(1), np.int64)
        allowed = np.zeros((*starts.shape, 4), bool)
        faults: dict[int, SettingsError] = {}
        for row in range(len(starts)):
            own = slice(int(first[row]), int(first[row] + length[row]))
            try:
                allowed[row, own] = _mask(settings, starts[row, own], str(ids[row]))
            except SettingsError as fault:
                faults[row] = fault
        rules = cls(settings, starts, first, length, allowed)
        seen: dict[bytes, SettingsError | None] = {}
        for row in range(len(starts)):
            if row in faults:
                continue
            key = rules._bits[row].tobytes() + (starts[row].tobytes() if settings.require else b"")
            if key not in seen:
                seen[key] = rules._impossible(row, str(ids[row]))
            fault_of = seen[key]
            if fault_of is not None:
                faults[row] = fault_of
        return rules, faults

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Every rule in words, in the order of :meth:`broken`."""
        return tuple(rule.name for rule in self._rules)

    def broken(self, codes: Codes, start: NDArray[np.integer]) -> NDArray[np.int64]:
        """By how much sequences break each rule, int64 ``(N, R)``; all zero: they keep to all.

        Parameters
        ----------
        codes
            uint8 ``(N, L)``.
        start
            int ``(N,)``: the start that each was made of.
        """
        out = np.zeros((len(codes), len(self._rules)), np.int64)
        for at in range(0, len(codes), _BLOCK):
            rows = slice(at, at + _BLOCK)
            own = start[rows]
            batch = Batch(
                codes[rows], self.starts[own], self._bits[own], self.first[own], self.length[own],
                DNA.encode(self.settings.flanks.left), DNA.encode(self.settings.flanks.right),
            )  # fmt: skip
            for i, rule in enumerate(self._rules):
                out[rows, i] = rule.broken(batch)
        return out

    def kept(self, codes: Codes, start: NDArray[np.integer]) -> NDArray[np.bool_]:
        """Whether sequences keep to every rule, bool ``(N,)``."""
        return np.asarray(self.broken(codes, start).sum(1) == 0)

    @cached_property
    def _bits(self) -> NDArray[np.uint8]:
        return _packed(self.allowed)

    @cached_property
    def _rules(self) -> tuple[Rule, ...]:
        asked = self.settings
        rules = [Rule("the letters allowed at each position", _wrong_letters)]
        if asked.max_edits is not None:
            most = asked.max_edits
            rules.append(
                Rule(
                    f"at most {most} edits",
                    lambda b: np.maximum((b.codes != b.starts).sum(1) - most, 0).astype(np.int64),
                )
            )
        if asked.gc is not None:
            span = f" in every {asked.gc.window} bases" if asked.gc.window else ""
            rules.append(Rule(f"{asked.gc.low:.0%} to {asked.gc.high:.0%} C and G{span}", self._gc))
        if asked.longest_run is not None:
            longest = asked.longest_run
            rules.append(Rule(f"no run of more than {plural(longest, 'equal base')}", lambda b: _runs(b, longest)))
        if asked.start_codons != "allow":
            atg, all_of_them = bits_of("ATG"), asked.start_codons == "forbid"
            words = "no upstream ATG" if all_of_them else "no upstream ATG out of frame"
            rules.append(Rule(words, lambda b: b.count(atg, frame=None if all_of_them else ~b.in_frame())))
        if asked.stop_codons != "allow":
            any_frame = asked.stop_codons == "forbid"
            words = "no stop codon" if any_frame else "no stop codon in frame"
            rules.append(Rule(words, lambda b: _stops(b, any_frame)))
        for text in asked.forbid:
            name, words_of = motif_of(text)
            motifs = [bits_of(x) for x in words_of]
            rules.append(Rule(f"no {name}", lambda b, m=motifs: np.sum([b.count(x) for x in m], axis=0)))  # type: ignore[misc]
        for text in asked.require:
            motif = bits_of(_required(text))
            rules.append(Rule(f"{text.upper()} somewhere", lambda b, m=motif: _missing(b, m)))  # type: ignore[misc]
        return tuple(rules)

    def _gc(self, batch: Batch) -> NDArray[np.int64]:
        asked = self.settings.gc
        assert asked is not None
        strong = ((batch.codes == 1) | (batch.codes == 2)).astype(np.int64)
        if asked.window is None:
            most = np.floor(asked.high * batch.length + 1e-9).astype(np.int64)
            least = np.ceil(asked.low * batch.length - 1e-9).astype(np.int64)
            found = strong.sum(1)
            return np.maximum(found - most, 0) + np.maximum(least - found, 0)
        summed = np.concatenate([np.zeros((len(strong), 1), np.int64), strong.cumsum(1)], 1)
        off = np.zeros(len(strong), np.int64)
        for size in np.unique(np.minimum(asked.window, batch.length)).tolist():  # a shorter sequence is one window
            rows = np.minimum(asked.window, batch.length) == size
            windows = summed[rows][:, size:] - summed[rows][:, : summed.shape[1] - size]
            at = np.arange(windows.shape[1])
            first, last = batch.first[rows][:, None], (batch.first + batch.length)[rows][:, None]
            most, least = math.floor(asked.high * size + 1e-9), math.ceil(asked.low * size - 1e-9)
            beyond = np.maximum(windows - most, 0) + np.maximum(least - windows, 0)
            off[rows] = (beyond * ((at >= first) & (at + size <= last))).sum(1)
        return off

    # ------------------------------------------------------------------------------------------ what cannot be kept

    def _impossible(self, row: int, name: str) -> SettingsError | None:
        """Why no sequence of this start's length keeps to the rules; None where some may."""
        try:
            self._check_possible(row, name)
        except SettingsError as fault:
            return fault
        return None

    def _check_possible(self, row: int, name: str) -> None:
        asked, where = self.settings, f"rules, start '{name}'"
        own = slice(int(self.first[row]), int(self.first[row] + self.length[row]))
        bits = _packed(self.allowed[row, own])
        length = len(bits)
        if asked.gc is not None:
            self._check_gc(bits, where)
        left, right = bits_of(asked.flanks.left), bits_of(asked.flanks.right)
        whole = np.concatenate([left, bits, right])
        touching = range(len(left), len(left) + length)
        forbidden = [(motif_of(text)[0], word) for text in asked.forbid for word in motif_of(text)[1]]
        if asked.start_codons == "forbid":
            forbidden.append(("upstream ATG", "ATG"))
        if asked.stop_codons == "forbid":
            forbidden += [("stop codon", x) for x in STOPS]
        for label, word in forbidden:
            motif = bits_of(word)
            for at in range(len(whole) - len(motif) + 1):
                window = whole[at : at + len(motif)]
                touches = at + len(motif) > touching.start and at < touching.stop
                if touches and ((window & ~motif) == 0).all():
                    place = f"at base {at - len(left) + 1}"
                    raise SettingsError(
                        f"the fixed and allowed bases spell {spelled(window)} {place}, and {label} is forbidden",
                        where=where,
                        hint="free one of these positions, or allow the motif",
                    )
        if asked.longest_run is not None:
            self._check_runs(bits, asked.longest_run, where)
        for text in asked.require:
            word = _required(text)
            motif = bits_of(word)
            fits = [
                at for at in range(len(whole) - len(motif) + 1) if ((whole[at : at + len(motif)] & motif) != 0).all()
            ]
            if not fits:
                raise SettingsError(
                    f"{word} is required but fits nowhere: {length} bases, of which some are fixed",
                    where=where,
                    hint="free some positions, or use longer starts",
                )
            for label, other in forbidden:
                if _contains(word, other):
                    raise SettingsError(
                        f"{word} is required and contains {other}, but {label} is forbidden",
                        where=where,
                        hint="drop one",
                    )
            if asked.max_edits is not None:
                start = BITS[self.starts[row, own]]
                around = np.concatenate([left, start, right])
                least = min(int(((around[at : at + len(motif)] & ~motif) != 0).sum()) for at in fits)
                if least > asked.max_edits:
                    raise SettingsError(
                        f"{word} is required, which takes {least} edits of this start, but at most {asked.max_edits} are allowed",
                        where=where,
                        hint="raise rules.max_edits, or choose other starts",
                    )

    def _check_gc(self, bits: NDArray[np.uint8], where: str) -> None:
        asked = self.settings.gc
        assert asked is not None
        strong, weak = bits_of("S")[0], bits_of("W")[0]
        length = len(bits)
        size = min(asked.window or length, length)
        must, may = ((bits & weak) == 0).astype(int), ((bits & strong) != 0).astype(int)
        for at in range(length - size + 1):
            least, most = int(must[at : at + size].sum()), int(may[at : at + size].sum())
            low, high = math.ceil(asked.low * size - 1e-9), math.floor(asked.high * size + 1e-9)
            if least > high or most < low or low > high:
                span = f"bases {at + 1} to {at + size}" if size < length else f"its {length} bases"
                why = f"no number of {size} bases is" if low > high else f"{span} have between {least} and {most},"
                raise SettingsError(
                    f"between {asked.low:.0%} and {asked.high:.0%} of C and G cannot be kept: {why} "
                    + ("in that range" if low > high else f"and {low} to {high} are asked for"),
                    where=where,
                    hint="widen rules.gc, or free some positions",
                )

    def _check_runs(self, bits: NDArray[np.uint8], longest: int, where: str) -> None:
        for base in range(4):
            run = 0
            for at, b in enumerate(bits):
                run = run + 1 if b == 1 << base else 0
                if run > longest:
                    raise SettingsError(
                        f"the fixed bases have {run} {'ACGT'[base]} in a row at base {at - run + 2}, and at most {longest} are allowed",
                        where=where,
                        hint="raise rules.longest_run, or free one of them",
                    )


def _mask(settings: RuleSettings, start: Codes, name: str) -> NDArray[np.bool_]:
    """Bases that may stand at each position of a start, bool ``(n, 4)``."""
    mask = np.ones((len(start), 4), bool)
    for place, letters in settings.allowed.items():
        at = places(place, len(start), where=f"rules.allowed, start '{name}'")
        span = at.stop - at.start
        if len(letters) not in (1, span):
            raise SettingsError(
                f"{len(letters)} letters for the {span} positions {place}",
                where="rules.allowed",
                hint="give one letter for all of them, or one for each",
            )
        mask[at] = _unpacked(bits_of(letters))
    for place in settings.fixed:
        at = places(place, len(start), where=f"rules.fixed, start '{name}'")
        standing = _unpacked(BITS[start[at]])
        clash = np.flatnonzero(~(mask[at] & standing).any(1))
        if len(clash):
            base = at.start + int(clash[0])
            raise SettingsError(
                f"base {base + 1} is fixed as {DNA.decode(start[base : base + 1])}, which rules.allowed does not have there",
                where=f"rules.fixed, start '{name}'",
                hint="free the position, or allow the letter",
            )
        mask[at] = standing
    if (mask.sum(1) <= 1).all():
        raise SettingsError(
            "no position is free to change",
            where=f"rules, start '{name}'",
            hint="fix fewer positions, or allow more letters",
        )
    return mask


def _required(text: str) -> str:
    upper = text.upper().replace("U", "T")
    if upper and all(x in LETTERS for x in upper):
        return upper
    raise SettingsError(f"`{text}` is no motif in IUPAC codes", where="rules.require", hint=f"letters: {LETTERS}")


def _contains(word: str, other: str) -> bool:
    """Whether every sequence that a motif stands for contains the other."""
    whole, part = bits_of(word), bits_of(other)
    return any(
        ((whole[at : at + len(part)] & ~part) == 0).all() for at in range(len(whole) - len(part) + 1)
    )  # fmt: skip


def _unpacked(bits: NDArray[np.uint8]) -> NDArray[np.bool_]:
    return np.asarray((bits[:, None] >> np.arange(4)) & 1, bool)


def _packed(allowed: NDArray[np.bool_]) -> NDArray[np.uint8]:
    return np.asarray((allowed << np.arange(4)).sum(-1), np.uint8)


def _wrong_letters(batch: Batch) -> NDArray[np.int64]:
    return np.asarray(((BITS[batch.codes] & ~batch.allowed) != 0).sum(1), np.int64)


def _runs(batch: Batch, longest: int) -> NDArray[np.int64]:
    """Bases beyond the longest run that is allowed."""
    codes = batch.codes
    run, over = np.ones(len(codes), np.int64), np.zeros(len(codes), np.int64)
    for at in range(1, codes.shape[1]):
        same = (codes[:, at] == codes[:, at - 1]) & (codes[:, at] < 4)
        run = np.where(same, run + 1, 1)
        over += run > longest
    return over


def _stops(batch: Batch, any_frame: bool) -> NDArray[np.int64]:
    frame = None if any_frame else batch.in_frame()
    return np.asarray(np.sum([batch.count(bits_of(x), frame=frame) for x in STOPS], axis=0), np.int64)


def _missing(batch: Batch, motif: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Edits that the nearest occurrence of a motif is away; its width where it does not fit."""
    found = batch.mismatches(motif)
    if not found.shape[1]:
        return np.full(len(batch.codes), len(motif))
    return np.asarray(np.where(batch.inside(len(motif)), found, len(motif)).min(1), np.int64)
