"""What a careful reader of a report should worry about, in plain words: one small rule for each danger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from strandloom.report.inputs import Member, ReportInputs
from strandloom.report.numbers import finite, fixed, percent
from strandloom.report.scores import Scores, metric_title, reads_better
from strandloom.words import plural

Level = Literal["serious", "caution", "note"]

FAIR_ECE = 0.07
LEAKY, VERY_LEAKY = 0.02, 0.10
SMALL_TEST, SMALL_CLASS = 200, 20
UNBALANCED = 0.80
NEAR_CEILING = 0.02
OVERFIT_RISE = 1.25
LISTED = 4

COVERED = (
    ("the intervals are wide", "Small test set"),
    ("few rows, so wide intervals", "Small classes"),
    ("no row here belongs to", "Classes without test rows"),
    ("accuracy alone says little", "Unbalanced classes"),
    ("classes are unbalanced", "Unbalanced classes"),
    ("with more than one class", "Same sequence, different label"),
)
"""Words of a sentence from a lower floor, and the heading under which this page already says the same."""


@dataclass(frozen=True)
class Caution:
    """One warning: how serious, a heading of a few words, and what it means with what to do."""

    level: Level
    title: str
    text: str


def near_twin_fraction(leakage: Mapping[str, Any]) -> float | None:
    """Fraction of test rows with an exact, reverse-complement or near copy in training; None when not known."""
    for pair in leakage.get("pairs") or ():
        if (pair.get("part"), pair.get("other")) == ("test", "train"):
            return finite(pair.get("fraction"))
    return None


def cautions(inputs: ReportInputs) -> list[Caution]:
    """Everything a careful reader should know, most serious first."""
    scores = inputs.scores
    found = [
        *_about_score(scores),
        *_about_leakage(inputs.leaks, scores.subject),
        *_about_test_set(scores),
        *_about_calibration(scores),
        *_about_training(inputs.members),
        *_about_distance(scores),
    ]
    titles = {x.title for x in found}
    said: set[str] = set()
    for title, words in (
        ("From the evaluation", scores.warnings),
        ("From the data check", inputs.data.get("warnings") or ()),
        ("From the run", inputs.warnings),
    ):
        for sentence in map(str, words):
            covered = any(mark in sentence and heading in titles for mark, heading in COVERED)
            if sentence and sentence not in said and not covered:
                said.add(sentence)
                found.append(Caution("caution", title, _sentence_like(sentence)))
    order = {"serious": 0, "caution": 1, "note": 2}
    return sorted(found, key=lambda x: order[x.level])


def _about_score(scores: Scores) -> list[Caution]:
    found: list[Caution] = []
    if scores.headline is None:
        return [
            Caution(
                "serious", "No test score", f"The evaluation holds no metric, so the {scores.subject} cannot be judged."
            )
        ]
    if scores.no_skill:
        found.append(
            Caution(
                "serious",
                "No skill",
                f"The {scores.level} interval of {metric_title(scores.headline)} reaches down to guessing. Check that labels and "
                "sequences belong together, then the strand, the window and the learning rate.",
            )
        )
    if scores.best is not None and not scores.no_skill:
        name = scores.titles[scores.best]
        if scores.against_best == "worse":
            found.append(
                Caution(
                    "serious",
                    "A simpler method is better",
                    f"{_capital(name)} beats the {scores.subject} on the same test rows. Use it instead, or "
                    "give the network more data or another architecture.",
                )
            )
        elif scores.against_best == "same":
            found.append(
                Caution(
                    "caution",
                    "No proven gain over a simpler method",
                    f"The difference to {name} is within chance on these test rows. The simpler method is cheaper and "
                    "easier to explain.",
                )
            )
    if scores.best is None:
        found.append(
            Caution("caution", "No baseline", "Without a baseline there is no telling whether the score is good.")
        )
    accuracy = scores.model.get("accuracy")
    if accuracy is not None and accuracy.value == 1 and scores.rows:
        least = 0.025 ** (1 / scores.rows)
        found.append(
            Caution(
                "caution",
                "Every test row was answered right",
                f"The intervals above have no width then, although the accuracy on new rows may be as low as {fixed(least, 3)} "
                "(exact 95 % bound).",
            )
        )
    gap = scores.ceiling_gap
    if gap is not None and gap[1] <= NEAR_CEILING:
        found.append(
            Caution(
                "note",
                "At the ceiling",
                "This is what the best possible rule scores on these rows; more training will hardly help.",
            )
        )
    spread = scores.seed_range
    own = scores.model[scores.headline]
    if spread is not None and own.low is not None and own.high is not None:
        low, high = spread
        if high - low > max(own.high - own.low, 0.02):
            found.append(
                Caution(
                    "caution",
                    "Seeds disagree",
                    f"{metric_title(scores.headline)} runs from {fixed(low, 2)} to {fixed(high, 2)} "
                    "between seeds, more than "
                    "the uncertainty from the test rows. Report the mean, or pool several seeds.",
                )
            )
    return found


def _about_leakage(leakage: Mapping[str, Any], subject: str) -> list[Caution]:
    found: list[Caution] = []
    near = near_twin_fraction(leakage)
    if near is not None and near > LEAKY:
        found.append(
            Caution(
                "serious" if near > VERY_LEAKY else "caution",
                "Test sequences resemble training sequences",
                f"{percent(near)} of the test rows have a copy or near copy among the training rows, "
                f"so the scores flatter the {subject} on truly new sequences. "
                "Compare with a homology split (split: {kind: homology}).",
            )
        )
    conflicts = finite(leakage.get("conflicting_rows"))
    if conflicts:
        found.append(
            Caution(
                "caution",
                "Same sequence, different label",
                f"{plural(int(conflicts), 'row')} share the sequence of another row but not its "
                "label; no method can get "
                "both right.",
            )
        )
    return found


def _about_test_set(scores: Scores) -> list[Caution]:
    found: list[Caution] = []
    totals = scores.class_rows
    if scores.rows and scores.rows < SMALL_TEST:
        found.append(
            Caution(
                "caution",
                "Small test set",
                f"There are only {plural(scores.rows, 'test row')}; trust the intervals, not the single numbers.",
            )
        )
    if scores.task != "classes" or not totals:
        return found
    few = [name for name, rows in totals.items() if 0 < rows < SMALL_CLASS]
    if few:
        found.append(
            Caution(
                "caution",
                "Small classes",
                f"{_listed(few)} {'has' if len(few) == 1 else 'have'} fewer than {SMALL_CLASS} test rows; scores of "
                f"{'this class' if len(few) == 1 else 'these classes'} are rough.",
            )
        )
    absent = [name for name, rows in totals.items() if rows == 0]
    if absent:
        found.append(
            Caution(
                "caution",
                "Classes without test rows",
                f"{_listed(absent)} could not be tested: no row in the test part.",
            )
        )
    largest = max(totals, key=lambda x: totals[x])
    share = totals[largest] / max(sum(totals.values()), 1)
    if share > UNBALANCED:
        found.append(
            Caution(
                "caution",
                "Unbalanced classes",
                f"{percent(share, 0)} of the test rows are {largest}, so always answering {largest} already gives that "
                "accuracy. Read MCC, balanced accuracy and the precision–recall curve instead.",
            )
        )
    never = [n for n in scores.never_predicted if totals.get(n)]
    if never:
        found.append(
            Caution(
                "caution",
                "Classes never answered",
                f"The {scores.subject} never answers {_listed(never)} on the test rows.",
            )
        )
    return found


def _about_calibration(scores: Scores) -> list[Caution]:
    ece = finite(scores.ece)
    if ece is None or ece <= FAIR_ECE or scores.task != "classes":
        return []
    return [
        Caution(
            "caution",
            "Probabilities are off",
            f"On average the stated confidence misses the observed frequency by {percent(ece)} (ECE). "
            "Use the probabilities "
            "to rank, not as odds.",
        )
    ]


def _about_training(members: Sequence[Member]) -> list[Caution]:
    found: list[Caution] = []
    rising, unfinished = [], []
    for member in members:
        losses = [finite(x) for x in member.series("validation_loss")]
        known = [x for x in losses if x is not None]
        if len(known) < 3:
            continue
        if min(known) > 0 and known[-1] > OVERFIT_RISE * min(known):
            rising.append(member.name)
        if member.best_epoch is not None and member.best_epoch >= member.last_epoch and not member.stopped_early:
            unfinished.append(member.name)
    if rising:
        found.append(
            Caution(
                "note",
                "Overfitting after the best epoch",
                "The validation loss rose again while the training loss fell. The weights of the "
                "best epoch were kept, so "
                "the scores are not harmed; fewer epochs would do.",
            )
        )
    if unfinished:
        found.append(
            Caution(
                "note",
                "Training may not be finished",
                "The last epoch was the best one. More epochs may still help (training.epochs).",
            )
        )
    return found


def _about_distance(scores: Scores) -> list[Caution]:
    known = [x for x in scores.by_distance if x.score.value is not None and x.rows >= SMALL_CLASS]
    if len(known) < 2:
        return []
    far, near = known[0], known[-1]
    assert far.score.value is not None  # for the type checker; filtered above
    assert near.score.value is not None
    if near.score.value - far.score.value < 0.1 or not reads_better(scores.distance_metric):
        return []
    return [
        Caution(
            "caution",
            "Weaker on unfamiliar sequences",
            f"{_capital(metric_title(scores.distance_metric))} is {fixed(far.score.value, 2)} on the "
            "test rows least like any "
            f"training sequence and {fixed(near.score.value, 2)} on those most like one. Expect the "
            "lower figure on new "
            "material.",
        )
    ]


def _listed(names: Sequence[str]) -> str:
    shown = list(names[:LISTED])
    rest = len(names) - len(shown)
    if rest:
        return ", ".join(shown) + f" and {rest} more"
    return shown[0] if len(shown) == 1 else ", ".join(shown[:-1]) + f" and {shown[-1]}"


def _sentence_like(text: str) -> str:
    return _capital(text) + ("" if text.endswith((".", "!", "?")) else ".")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
