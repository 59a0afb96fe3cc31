"""Whether a map can be trusted, as the pages say it: cautions by the limits of :mod:`strandloom.explain.check`, and key numbers."""

from __future__ import annotations

from collections.abc import Sequence

from strandloom.explain.attribution import Check, Method
from strandloom.explain.check import DOUBTFUL, SILENT, WIDE_GAP, agreement_words, gap_words
from strandloom.report.cautions import Caution
from strandloom.report.motif_words import sentence
from strandloom.report.numbers import fixed
from strandloom.report.report import Card
from strandloom.words import plural

METHODS: dict[Method, str] = {
    "gradient": "gradient × input",
    "integrated_gradients": "integrated gradients",
    "deeplift": "DeepLIFT/SHAP",
    "mutagenesis": "in-silico mutagenesis",
    "attention": "attention weights",
}
BLIND = "Do not trust this picture blindly"


def check_cautions(check: Check, method: Method, further: Sequence[str] = ()) -> list[Caution]:
    """What is wrong with a map, most serious first: by its figures, then its other words, then further sentences."""
    agreed, missed = agreement_words(check.agreement), gap_words(check.gap, method)
    found = []
    if check.agreement is not None and agreed:
        poor = check.agreement < DOUBTFUL
        found.append(_caution(poor, "Read the large features, not the details", agreed))
    if check.gap is not None and missed:
        found.append(_caution(check.gap > WIDE_GAP, "Read the contributions as ranks", missed))
    others = [words for words in check.cautions if words not in (agreed, missed)]
    found += [_caution(words == SILENT, "Read with care", words) for words in (*others, *further)]
    return sorted(found, key=lambda caution: caution.level != "serious")


def _caution(serious: bool, mild: str, words: str) -> Caution:
    return Caution("serious" if serious else "caution", BLIND if serious else mild, sentence(words))


def check_cards(check: Check, method: Method) -> list[Card]:
    """The sanity figures of a map as key numbers."""
    if method == "mutagenesis":
        agreement = Card("Agreement with mutagenesis", "is it", "nothing to compare with")
    elif check.agreement is None:
        agreement = Card("Agreement with mutagenesis", "not measured")
    else:
        note = f"median correlation in {plural(check.sampled, 'sequence')}; 1 is perfect"
        agreement = Card("Agreement with mutagenesis", fixed(check.agreement, 2), note)
    if check.gap is None:
        return [agreement]
    return [
        agreement,
        Card("Gap in the sum of contributions", fixed(check.gap, 3), "in standard deviations; 0 is perfect"),
    ]
