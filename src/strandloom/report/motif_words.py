"""Sentences about motifs: what the model has learned, what a motif is called, what it does and in which class it stands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from strandloom.evaluation.results import Interval
from strandloom.explain.profile import Enrichment
from strandloom.report.motif_inputs import FoundMotif, KnownMatch, MarginalEffect, MotifPage
from strandloom.report.numbers import MINUS, NARROW, count, finite, fixed, general, interval, shorten, signed
from strandloom.words import plural

NAMED = 4
"""Motifs named in the first sentence."""
CHANCE = 0.05
"""Classes with a larger q-value are not said to hold a motif more often."""


def heading(page_of: MotifPage) -> str:
    """The question that the page answers."""
    label = page_of.output.label
    return f"What speaks for {class_words(label)}" if label in page_of.classes else f"What the model reads for {label}"


def class_words(name: str) -> str:
    """A class as it stands in a sentence: a number or a letter says that it is a class."""
    return f"class {name}" if len(name) < 3 or name.isdigit() else name


def against(label: str, classes: Sequence[str]) -> str:
    """What a class is told from, in words; empty for labels and values."""
    if label not in classes or len(classes) < 2:
        return ""
    if len(classes) > 2:
        return f"the other {len(classes) - 1} classes"
    return class_words(next(c for c in classes if c != label))


def story(page_of: MotifPage) -> str:
    """What the model has learned, in one sentence."""
    label, other = class_words(page_of.output.label), against(page_of.output.label, page_of.classes)
    task = f"tells {label} from {other}" if other else f"reads {page_of.output.label}"
    if not page_of.motifs:
        why = page_of.nothing or "The search for motifs gave no reason."
        return f"No motif was found behind the way in which the model {task}. {sentence(why)}"
    sides: dict[str, list[str]] = {}
    for found in page_of.motifs[:NAMED]:
        words = shorten(found.name, 40)
        if found.matches and found.name != found.matches[0].short:
            words += f" (resembles {shorten(found.matches[0].short, 20)}, {q_words(found.matches[0].q)})"
        elif found.matches:
            words += f" ({q_words(found.matches[0].q)})"
        elif page_of.known:
            words = f"one without a known match ({words})"
        sides.setdefault(side_words(found, page_of), []).append(words)
    said = []
    for side, names in sides.items():
        joined = ", ".join(names[:-1]) + (" and " if len(names) > 1 else "") + names[-1]
        said.append(f"{joined} {'speak' if len(names) > 1 else 'speaks'} {side}" if side else joined)
    rest = Counter(side_words(found, page_of) for found in page_of.motifs[NAMED:])
    weaker = ", ".join(f"{number} {side}".rstrip() for side, number in rest.items())
    more = f"; {plural(rest.total(), 'weaker motif')} below ({weaker})" if rest else ""
    return f"The model {task} by {plural(len(page_of.motifs), 'motif')}: {'; '.join(said)}{more}."


def side_words(found: FoundMotif, page_of: MotifPage) -> str:
    """``for CTCF``; of two classes the other one is what a motif against it speaks for."""
    if found.raises is None:
        return ""
    label = page_of.output.label
    if found.raises:
        return f"for {class_words(label)}"
    other = against(label, page_of.classes)
    return f"for {other}" if other and len(page_of.classes) == 2 else f"against {class_words(label)}"


def sentence(words: str) -> str:
    """Words that begin with a capital and end with a full stop."""
    words = words.strip()
    return words[:1].upper() + words[1:] + ("" if words.endswith((".", "!", "?")) else ".")


def known_words(found: FoundMotif, page_of: MotifPage) -> tuple[str, tuple[str, ...]]:
    """The best known match, or why there is none; and the next two."""
    if not page_of.known:
        return "no motif file was given", ()
    if not found.matches:
        near = found.nearest
        words = f"no match at q < {general(page_of.q_limit)}"
        return words + (f" (the nearest is {near.name}, {q_words(near.q)})" if near else ""), ()
    first, *others = found.matches[:3]
    return _match_words(first), tuple(_match_words(m) for m in others)


def _match_words(match: KnownMatch) -> str:
    return f"{match.name}, {q_words(match.q)}"


def q_words(q: float) -> str:
    """``q = 0.012``, ``q = 3e−12``; 0 is below what a float holds; it does not break over two lines."""
    if q <= 0:
        return f"q{NARROW}<{NARROW}1e{MINUS}300"
    number = general(q, 2) if q >= 0.001 else f"{q:.0e}".replace("e-0", "e-").replace("-", MINUS)
    return f"q{NARROW}={NARROW}{number}"


def effect_words(effect: MarginalEffect, unit: str) -> tuple[str, str]:
    """What inserting the motif does, in one sentence, and how it was measured."""
    words = f"Inserting it {_moves(effect.inserted, unit)}"
    if effect.control is not None:
        words += f"; a shuffled copy {_moves(effect.control, '')}"
    how = []
    if effect.backgrounds or effect.words:
        number = f"{count(effect.backgrounds)} " if effect.backgrounds else ""
        how.append(f"Mean over {number}{effect.words or 'sequences'}; bars are 95 % intervals.")
    if effect.excess is not None and finite(effect.excess.low) is not None:
        bounds = interval(effect.excess.low, effect.excess.high, 2)
        if effect.excess.low <= 0 <= effect.excess.high:
            how.append("The difference from the shuffled copy is within chance.")
        else:
            how.append(f"Beyond its shuffled copy: {signed(effect.excess.value, 2)} ({bounds}).")
    how += [sentence(note) for note in effect.notes]
    return words + ".", " ".join(how)


def _moves(found: Interval, unit: str) -> str:
    """``raises the log odds by 2.10 (1.90 to 2.30)``; of an interval that holds 0 no direction is said."""
    if finite(found.value) is None:
        return "was not measured"
    of = f" the {unit}" if unit else " it"
    bounded = finite(found.low) is not None and finite(found.high) is not None
    if bounded and found.low <= 0 <= found.high:
        bounds = f"{fixed(found.low, 2)} to {fixed(found.high, 2)}"
        return f"changes{of} by {signed(found.value, 2)} ({bounds}), which may be nothing"
    low, high = sorted((abs(found.low), abs(found.high)))
    bounds = f" ({fixed(low, 2)} to {fixed(high, 2)})" if bounded else ""
    return f"{'raises' if found.value >= 0 else 'lowers'}{of} by {fixed(abs(found.value), 2)}{bounds}"


def enrichment_words(found: Sequence[Enrichment]) -> str:
    """The class that holds a motif more often than the others do, with its odds and q; of several the surest."""
    if not found:
        return ""
    more = [one for one in found if one.log2_odds > 0 and one.q <= CHANCE]
    if not more:
        least = min(one.q for one in found)
        return f"No class holds it more often than chance allows (least {q_words(least)})."
    best = min(more, key=lambda one: (one.q, -one.log2_odds))
    others = [one.label for one in found if one is not best]
    other = class_words(others[0]) if len(others) == 1 else "the others"
    times, low, high = (general(2.0**x, 2) for x in (best.log2_odds, best.low, best.high))
    return (
        f"The odds of holding a site that the network uses are {times} times as high in {class_words(best.label)} as in {other} "
        f"({low} to {high}; {q_words(best.q)})."
    )


def axis_words(pattern: str, unit: str, limit: int) -> str:
    """The name of an axis, ``change of the {}``, with the unit as given; one that is too long for it is named in the text alone."""
    whole = pattern.format(unit)
    return whole if len(whole) <= limit else pattern.format("explained score")
