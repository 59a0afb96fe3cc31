"""Compiled loops over the words of reads and genomes; import it inside functions only (it loads numba).

A read is the part ``codes[start : start + length]`` of a flat array, so ragged reads and padded rectangles are the same to these loops.
"""

from __future__ import annotations

from typing import Any

import numba as nb
import numpy as np

from strandloom.workflows.sources.draw_kernels import mix

Array = Any
STOP = 255
"""Entry of a genetic code for a stop codon."""


@nb.njit(cache=True, nogil=True)
def count_words(codes: Array, k: int, out: Array) -> None:
    """Add the canonical k-mers of codes ``(T,)`` to counts uint32 ``(4**k,)``."""
    mask, shift = (1 << (2 * k)) - 1, 2 * (k - 1)
    forward: Any = 0
    backward: Any = 0
    run = 0
    for j in range(len(codes)):
        code = np.int64(codes[j])
        if code > 3:
            run = 0
            continue
        forward = ((forward << 2) | code) & mask
        backward = (backward >> 2) | ((3 - code) << shift)
        run += 1
        if run >= k:
            out[min(forward, backward)] += np.uint32(1)


@nb.njit(cache=True, nogil=True, inline="always")
def _slot(prints: Array, hashed: Any) -> Any:
    """Where a word stands, or would stand: the first slot from its own on that holds its print or nothing."""
    mask = np.uint64(len(prints) - 1)
    mark = np.uint16(hashed >> np.uint64(48)) | np.uint16(1)
    at = hashed & mask
    while prints[at] != 0 and prints[at] != mark:
        at = (at + np.uint64(1)) & mask
    return at


@nb.njit(cache=True, nogil=True, inline="always")
def _kept(hashed: Any, keep: int) -> Any:
    """Whether a word is among the sampled ones: ``keep`` of 256."""
    return np.int64((hashed >> np.uint64(32)) & np.uint64(255)) < keep


@nb.njit(cache=True, nogil=True)
def add_dna(codes: Array, k: int, keep: int, prints: Array, masks: Array, bit: Any, most: int, used: int) -> int:
    """Enter the sampled canonical k-mers of codes ``(T,)``; how many slots are used then, -1 where more than ``most`` would be."""
    mask, shift = np.uint64((1 << (2 * k)) - 1), np.uint64(2 * (k - 1))
    forward, backward, run = np.uint64(0), np.uint64(0), 0
    for j in range(len(codes)):
        code = codes[j]
        if code > 3:
            run = 0
            continue
        forward = ((forward << np.uint64(2)) | np.uint64(code)) & mask
        backward = (backward >> np.uint64(2)) | (np.uint64(3 - code) << shift)
        run += 1
        if run >= k:
            hashed = mix(min(forward, backward))
            if _kept(hashed, keep):
                at = _slot(prints, hashed)
                if prints[at] == 0:
                    if used >= most:
                        return -1
                    used += 1
                    prints[at] = np.uint16(hashed >> np.uint64(48)) | np.uint16(1)
                masks[at] |= bit
    return used


@nb.njit(cache=True, nogil=True, inline="always")
def _amino(codes: Array, first: int, length: int, at: int, reverse: bool, table: Array) -> Any:
    """The amino acid of the codon that begins ``at`` bases into a strand; STOP where it is none or not known."""
    value = 0
    for step in range(3):
        code = codes[first + length - 1 - at - step] if reverse else codes[first + at + step]
        if code > 3:
            return np.uint8(STOP)
        value = value * 4 + (3 - code if reverse else code)
    return table[value]


@nb.njit(cache=True, nogil=True)
def open_frames(codes: Array, first: int, length: int, table: Array, least: int, out: Array) -> int:
    """Stretches of a contig without a stop codon, on both strands; how many there are.

    Parameters
    ----------
    codes, first, length
        The contig: ``codes[first : first + length]`` of uint8 ``(T,)``.
    least
        Fewest residues.
    out
        int64 ``(most, 3)``: strand (0 or 1), bases before it on that strand, residues.
    """
    found = 0
    for strand in range(2):
        for frame in range(3):
            begin = frame
            at = frame
            while at < length + 3:
                residue = np.uint8(STOP)
                if at + 3 <= length:
                    residue = _amino(codes, first, length, at, strand == 1, table)
                if residue == STOP:
                    n = (at - begin) // 3
                    if n >= least and found < len(out):
                        out[found, 0] = strand
                        out[found, 1] = begin
                        out[found, 2] = n
                        found += 1
                    begin = at + 3
                at += 3
    return found


@nb.njit(cache=True, nogil=True)
def longest_frames(frames: Array, order: Array, length: int, covered: Array, kept: Array) -> None:
    """Which frames are taken for genes: the longest first, each unless longer ones cover half of it.

    Parameters
    ----------
    frames
        int64 ``(M, 3)`` of :func:`open_frames`.
    order
        int64 ``(M,)``: their numbers, the longest first.
    covered
        Work space, bool ``(length,)``, false.
    kept
        bool ``(M,)``, overwritten.
    """
    for number in order:
        bases = 3 * frames[number, 2]
        start = frames[number, 1] if frames[number, 0] == 0 else length - frames[number, 1] - bases
        over = 0
        for at in range(start, start + bases):
            over += covered[at]
        kept[number] = 2 * over < bases
        if kept[number]:
            covered[start : start + bases] = True


@nb.njit(cache=True, nogil=True)
def add_protein(
    codes: Array, first: int, length: int, frames: Array, table: Array, size: int, width: int, keep: int,
    prints: Array, masks: Array, bit: Any, most: int, used: int,
) -> int:  # fmt: skip
    """Enter the sampled words of ``width`` residues of open frames of one contig; see :func:`add_dna`.

    Parameters
    ----------
    frames
        int64 ``(M, 3)`` of :func:`open_frames`.
    table, size
        Codon number (A C G T = 0 1 2 3, first base most significant) to residue, uint8 ``(64,)``, and how many residues there are.
    """
    highest = np.uint64(size) ** np.uint64(width - 1)
    for m in range(len(frames)):
        word = np.uint64(0)
        for i in range(frames[m, 2]):
            residue = np.uint64(_amino(codes, first, length, frames[m, 1] + 3 * i, frames[m, 0] == 1, table))
            word = (word % highest) * np.uint64(size) + residue
            if i < width - 1:
                continue
            hashed = mix(word)
            if _kept(hashed, keep):
                slot = _slot(prints, hashed)
                if prints[slot] == 0:
                    if used >= most:
                        return -1
                    used += 1
                    prints[slot] = np.uint16(hashed >> np.uint64(48)) | np.uint16(1)
                masks[slot] |= bit
    return used


@nb.njit(cache=True, nogil=True)
def composition(codes: Array, starts: Array, lengths: Array, k: int, logs: Array, out: Array, words: Array) -> None:
    """Sum the log probabilities of a read's canonical k-mers in each environment.

    Parameters
    ----------
    codes, starts, lengths
        Reads: uint8 ``(T,)``, int64 ``(N,)``, int32 ``(N,)``.
    logs
        float32 ``(4**k, E)``.
    out, words
        float32 ``(N, E)`` and int32 ``(N,)``, overwritten: the sums, and how many k-mers were summed.
    """
    mask, shift = (1 << (2 * k)) - 1, 2 * (k - 1)
    environments = logs.shape[1]
    for i in range(len(starts)):
        for e in range(environments):
            out[i, e] = 0
        forward: Any = 0
        backward: Any = 0
        run = 0
        words[i] = 0
        for j in range(starts[i], starts[i] + lengths[i]):
            code = np.int64(codes[j])
            if code > 3:
                run = 0
                continue
            forward = ((forward << 2) | code) & mask
            backward = (backward >> 2) | ((3 - code) << shift)
            run += 1
            if run >= k:
                words[i] += 1
                word = min(forward, backward)
                for e in range(environments):
                    out[i, e] += logs[word, e]


@nb.njit(cache=True, nogil=True)
def base_shares(codes: Array, starts: Array, lengths: Array, out: Array) -> None:
    """Shares of bases of each read, the same on both strands.

    Parameters
    ----------
    out
        float32 ``(N, 3)``, overwritten: C + G, and the differences of A and T and of C and G.
    """
    counts = np.zeros(256, np.int64)
    for i in range(len(starts)):
        counts[:4] = 0
        for j in range(starts[i], starts[i] + lengths[i]):
            counts[codes[j]] += 1
        known = max(1, counts[0] + counts[1] + counts[2] + counts[3])
        out[i, 0] = (counts[1] + counts[2]) / known
        out[i, 1] = abs(counts[0] - counts[3]) / known
        out[i, 2] = abs(counts[1] - counts[2]) / known


@nb.njit(cache=True, nogil=True)
def composition_without(
    codes: Array, starts: Array, lengths: Array, k: int, counts: Array, environment: Array, visible: Array,
    logs: Array, totals: Array, smoothing: float, out: Array, words: Array,
) -> None:  # fmt: skip
    """As :func:`composition`, from counts of lineages of which each read sees only some.

    Parameters
    ----------
    counts
        uint32 ``(4**k, G)``: canonical k-mers of each lineage.
    environment
        int64 ``(G,)``.
    visible
        uint64 ``(N,)``: bit g says whether a read sees lineage g.
    logs
        float32: logarithm of every count that can occur, with its pseudocount.
    totals
        float64 ``(G,)``: sums over ``counts``.
    smoothing
        Sum of all pseudocounts.
    out, words
        float32 ``(N, E)`` and int32 ``(N,)``, as there; an environment of which nothing is seen has the pseudocounts alone.
    """
    mask, shift = (1 << (2 * k)) - 1, 2 * (k - 1)
    lineages, environments = counts.shape[1], out.shape[1]
    seen = np.zeros(lineages, np.int64)
    met = np.zeros(environments, np.int64)
    total = np.zeros(environments)
    for i in range(len(starts)):
        total[:] = smoothing
        for e in range(environments):
            out[i, e] = 0
        for g in range(lineages):
            seen[g] = np.int64((visible[i] >> np.uint64(g)) & np.uint64(1))
            total[environment[g]] += totals[g] * seen[g]
        words[i] = 0
        forward: Any = 0
        backward: Any = 0
        run = 0
        for j in range(starts[i], starts[i] + lengths[i]):
            code = np.int64(codes[j])
            if code > 3:
                run = 0
                continue
            forward = ((forward << 2) | code) & mask
            backward = (backward >> 2) | ((3 - code) << shift)
            run += 1
            if run >= k:
                words[i] += 1
                word = min(forward, backward)
                met[:] = 0
                for g in range(lineages):
                    met[environment[g]] += counts[word, g] * seen[g]
                for e in range(environments):
                    out[i, e] += logs[met[e]]
        for e in range(environments):
            out[i, e] -= words[i] * np.log(total[e])


@nb.njit(cache=True, nogil=True)
def hashed_words(codes: Array, starts: Array, lengths: Array, k: int, bits: int, out: Array, offsets: Array) -> int:
    """Canonical k-mers of reads, hashed to ``bits`` bits; how many there are.

    Parameters
    ----------
    out, offsets
        int64 ``(T,)`` and ``(N,)``, overwritten: the words, and where each read's begin.
    """
    mask, shift = np.uint64((1 << (2 * k)) - 1), np.uint64(2 * (k - 1))
    used = 0
    for i in range(len(starts)):
        offsets[i] = used
        forward, backward, run = np.uint64(0), np.uint64(0), 0
        for j in range(starts[i], starts[i] + lengths[i]):
            code = codes[j]
            if code > 3:
                run = 0
                continue
            forward = ((forward << np.uint64(2)) | np.uint64(code)) & mask
            backward = (backward >> np.uint64(2)) | (np.uint64(3 - code) << shift)
            run += 1
            if run >= k:
                out[used] = np.int64(mix(min(forward, backward)) >> np.uint64(64 - bits))
                used += 1
    return used


@nb.njit(cache=True, nogil=True)
def dna_hits(
    codes: Array, starts: Array, lengths: Array, k: int, keep: int, prints: Array, numbers: Array, sets: Array,
    environment: Array, within: Array, visible: Array, every: bool, best: Array, union: Array, tally: Array, words: Array,
) -> None:  # fmt: skip
    """Count the sampled k-mers of each read that an environment has: in its best lineage, and in any.

    Parameters
    ----------
    prints, numbers, sets
        The table: uint16 and uint16 ``(S,)``; uint64 ``(M,)``: the lineages of each set, a bit each.
    environment, within
        int64 ``(G,)``: environment of each lineage; uint64 ``(E,)``: the lineages of each environment.
    visible, every
        uint64 ``(N,)``: the lineages that a read sees; with ``every`` all, and ``visible`` is not looked at.
    best, union
        uint16 ``(N, E)``, overwritten.
    tally, words
        Work space, int64 ``(G,)`` and uint64, one more than a read has k-mers.
    """
    mask, shift = np.uint64((1 << (2 * k)) - 1), np.uint64(2 * (k - 1))
    for i in range(len(starts)):
        view = np.uint64(0xFFFFFFFFFFFFFFFF) if every else visible[i]
        forward, backward, run, met = np.uint64(0), np.uint64(0), 0, 0
        for j in range(starts[i], starts[i] + lengths[i]):
            code = codes[j]
            if code > 3:
                run = 0
                continue
            forward = ((forward << np.uint64(2)) | np.uint64(code)) & mask
            backward = (backward >> np.uint64(2)) | (np.uint64(3 - code) << shift)
            run += 1
            if run >= k:
                hashed = mix(min(forward, backward))
                words[met] = hashed
                met += _kept(hashed, keep)
        _count_hits(words, met, prints, numbers, sets, view, environment, within, best, union, i, tally)


@nb.njit(cache=True, nogil=True)
def _count_hits(
    words: Array, met: int, prints: Array, numbers: Array, sets: Array, view: Any, environment: Array, within: Array,
    best: Array, union: Array, i: int, tally: Array,
) -> None:  # fmt: skip
    """Look up the hashed words ``[0, met)`` of read i; the slot behind them is overwritten.

    A first pass only touches their slots: the processor then fetches many from memory at once, where the loop of :func:`_slot` would wait
    for each.
    """
    mask = np.uint64(len(prints) - 1)
    touched = np.uint64(0)
    for m in range(met):
        at = words[m] & mask
        touched += np.uint64(prints[at]) + np.uint64(numbers[at])
    words[met] = touched
    tally[:] = 0
    for e in range(len(within)):
        best[i, e] = 0
        union[i, e] = 0
    for m in range(met):
        at = _slot(prints, words[m])
        if prints[at] != 0:
            _note(sets[numbers[at]] & view, within, union, i, tally)
    for g in range(len(tally)):
        if tally[g] > best[i, environment[g]]:
            best[i, environment[g]] = tally[g]


@nb.njit(cache=True, nogil=True, inline="always")
def _note(found: Any, within: Array, union: Array, i: int, tally: Array) -> None:
    """Count a word that the lineages ``found`` have."""
    if found == 0:
        return
    for e in range(len(within)):
        union[i, e] += (found & within[e]) != 0
    g = 0
    while found:
        while (found & np.uint64(255)) == 0:
            found >>= np.uint64(8)
            g += 8
        if found & np.uint64(1):
            tally[g] += 1
        found >>= np.uint64(1)
        g += 1


@nb.njit(cache=True, nogil=True)
def protein_hits(
    codes: Array, starts: Array, lengths: Array, table: Array, size: int, width: int, keep: int,
    prints: Array, numbers: Array, sets: Array, environment: Array, within: Array, visible: Array, every: bool,
    best: Array, union: Array, tally: Array, words: Array, residues: Array, open_: Array,
) -> None:  # fmt: skip
    """As :func:`dna_hits`, for words of residues in the frames of a read that stay open for three quarters of it (at most 20 residues).

    Parameters
    ----------
    words
        Work space, uint64, one more than twice the bases of a read.
    residues
        Work space, uint8 ``(2, L)`` for reads of L bases.
    open_
        float32 ``(N,)``, overwritten: of the six frames, how many hold such a stretch.
    """
    highest = np.uint64(size) ** np.uint64(width - 1)
    for i in range(len(starts)):
        view = np.uint64(0xFFFFFFFFFFFFFFFF) if every else visible[i]
        length = lengths[i]
        _translate(codes, starts[i], length, table, residues)
        least = max(width, min(20, length // 4))
        met, opened = 0, 0
        for strand in range(2):
            own = residues[strand]
            for frame in range(min(3, max(0, length - 2))):
                n, word, found = 0, np.uint64(0), 0
                at = frame
                begun = met
                while at < length - 2:
                    residue = own[at]
                    at += 3
                    if residue == STOP:
                        if n >= least:
                            found = 1
                        else:
                            met = begun
                        begun, n, word = met, 0, np.uint64(0)
                        continue
                    if n >= width:
                        word -= np.uint64(own[at - 3 * (width + 1)]) * highest
                    word = word * np.uint64(size) + np.uint64(residue)
                    n += 1
                    if n >= width:
                        hashed = mix(word)
                        words[met] = hashed
                        met += _kept(hashed, keep)
                if n >= least:
                    found = 1
                else:
                    met = begun
                opened += found
        open_[i] = opened
        _count_hits(words, met, prints, numbers, sets, view, environment, within, best, union, i, tally)


@nb.njit(cache=True, nogil=True, inline="always")
def _translate(codes: Array, first: int, length: int, table: Array, residues: Array) -> None:
    """The residue of the codon at each base of both strands, the second one read from its own start; STOP where it is none or not known."""
    forward: Any = 0
    backward: Any = 0
    run = 0
    for j in range(length):
        code = np.int64(codes[first + j])
        if code > 3:
            run = 0
        else:
            forward = ((forward << 2) | code) & 63
            backward = (backward >> 2) | ((3 - code) << 4)
            run += 1
        if j >= 2:
            residues[0, j - 2] = table[forward] if run >= 3 else np.uint8(STOP)
            residues[1, length - 1 - j] = table[backward] if run >= 3 else np.uint8(STOP)
