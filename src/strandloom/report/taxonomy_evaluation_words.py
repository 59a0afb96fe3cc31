"""What the page of ``strandloom taxonomy evaluate`` says in sentences: verdicts, kinds of sequences, how to read each measure."""

from __future__ import annotations

from markupsafe import Markup

from strandloom.report.numbers import NARROW, fixed, interval, percent, signed
from strandloom.report.scores import Difference, Score
from strandloom.words import plural

SURE = 0.9
"""Probability from which ``taxonomy assign`` calls a species; calls so sure are the ones that are counted."""
KINDS = {
    "unique": "the reference has this very sequence, from the true species alone",
    "shared": "the reference has it from the true species and from others",
    "novel haplotype": "the reference has the species but not this sequence",
    "only under another species": "the reference has this sequence, but only from other species",
}
READING: tuple[tuple[str, str], ...] = (
    (
        "Species, genus, family: right",
        "Of 100 sequences of known species, how many get the right name at that rank. A sequence whose taxon the reference lacks "
        "is right when it is left without a name. Often called accuracy.",
    ),
    (
        "Named",
        "How many are given a species at all, rightly or not. Some methods stay silent where several species fit, others always choose.",
    ),
    (
        "Precision",
        "Of the species given, how many are right. A method that names little can look good here: read it beside "
        "the share that it names.",
    ),
    (
        "Macro F1",
        "Species found and species named rightly in one number from 0 to 1, in which a rare species counts as much as a common one.",
    ),
    (
        "Coverage with 95" + NARROW + "% right",
        "Keep the surest calls, as many as can be kept with 95 of 100 species right (or the share that the table says): how many "
        "sequences then have a name. The fairest single number if doubtful calls may be left at genus. The confidence at which this "
        "is reached was looked up on these very sequences.",
    ),
    (
        "ECE, calibration error",
        "By how much stated probabilities miss the share that is right, on average; 0 is perfect. With 2" + NARROW + "% you may take "
        "“90" + NARROW + "%” to mean about 88 to 92 right among 100.",
    ),
    (
        "Kinds of sequences",
        Markup(
            "A sequence may be one species’ own, or common to several: in the MiFish marker <i>Clupea harengus</i> and <i>Clupea "
            "pallasii</i> differ by one base, <i>Osmerus mordax</i> and <i>Osmerus dentex</i> by none. On shared sequences no method can "
            "do better than a good guess unless it knows where the sample was taken."
        ),
    ),
    (
        "Taxa the reference lacks",
        "Any name is wrong there, so the fewer are given one, the better (over-classification). “Unknown ones left unnamed” says how many "
        "sequences of nothing in the reference, such as bacteria, are recognised as such.",
    ),
    (
        "Intervals and “within chance”",
        "Another set of sequences of this size and kind would mostly (95 times of 100) give a value in the interval. A difference whose "
        "interval includes zero may be luck.",
    ),
)  # fmt: skip
OUTCOME_WORDS = {
    "better": "better than the best other method,",
    "worse": "worse than the best other method,",
    "same": "not distinguishable from the best other method,",
    "unknown": "beside the best other method,",
}


def difference_words(found: Difference) -> str:
    """How the first method stands, to be followed by the other one's name."""
    return OUTCOME_WORDS[found.outcome]


def verdict_words(first: str, own: Score, queries: int, best: str, other: Score, found: Difference | None) -> str:
    """The first method against the best other one on species accuracy, in one sentence.

    Parameters
    ----------
    first, own
        The first method and its accuracy.
    queries
        Sequences of which the species is known.
    best, other
        The best other method, empty where there is none, and its accuracy.
    found
        Their difference on the same sequences.
    """
    subject = f"{first[:1].upper()}{first[1:]}"
    if own.value is None:
        return f"{subject}: no accuracy of species is known."
    between = ""
    if own.low is not None and own.high is not None:
        between = f" ({interval(100 * own.low, 100 * own.high, 1)}{NARROW}%)"
    words = f"{subject}: the species is right for {percent(own.value)} of {plural(queries, 'sequence')}{between}"
    if not best or other.value is None:
        return words + "; there is no other method to compare it with."
    gap = own.value - other.value
    size = fixed(100 * abs(gap), 1)
    than = "as many as" if size == "0.0" else f"{size} points {'more' if gap > 0 else 'fewer'} than"
    words += f", {than} the best other method, {best} ({percent(other.value)})"
    if found is None or found.outcome == "unknown" or found.score.low is None or found.score.high is None:
        return words + "; whether this is more than chance was not tested."
    end = "cannot be told from chance" if found.outcome == "same" else "is distinguishable from chance"
    return f"{words}; the difference ({signed(100 * found.score.low, 1)} to {signed(100 * found.score.high, 1)} points) {end}."


def sure_words(coverage: float | None, precision: float | None, queries: int, lacking: int) -> str:
    """How many sequences are called to species at the default threshold and how many of those rightly, and how many could be at all.

    Parameters
    ----------
    coverage, precision
        Called among all, right among the called.
    queries, lacking
        Sequences of which the species is known, and those of them whose species the reference lacks.
    """
    words = ""
    if coverage is not None:
        words = f"From {fixed(SURE, 1)} on it calls {percent(coverage)} to species"
        words += f", {percent(precision)} of these rightly." if coverage and precision is not None else "."
    if lacking:
        words += (
            f" Of {plural(lacking, 'sequence')} ({percent(lacking / max(queries, 1))}) the reference lacks the species."
        )
    return words.strip()
