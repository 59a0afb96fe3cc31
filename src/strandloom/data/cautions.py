"""Facts of a data set turned into warnings that a biologist can act on."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from strandloom.data.facts import DataFacts

FEW_ROWS_PER_CLASS = 10
LENGTH_TELLS = 0.65
GC_TELLS = 0.75
VALUE_TELLS = 0.5


def cautions(facts: DataFacts) -> tuple[str, ...]:
    """Warnings in plain words, the most serious first."""
    return (*_repeats(facts), *_classes(facts), *_shortcuts(facts), *_letters(facts), *_sequences(facts))


def share(count: int, total: int) -> str:
    """``"185 of 3,190 rows (5.8 %)"``."""
    percent = 100 * count / max(total, 1)
    shown = "< 0.1 %" if 0 < percent < 0.1 else f"{percent:.1f} %"
    return f"{count:,} of {total:,} rows ({shown})"


def _repeats(facts: DataFacts) -> list[str]:
    found, repeats = [], facts.duplicates
    if repeats.contradictory:
        a, b = repeats.example or ("", "")
        one = repeats.contradictory == 1
        found.append(
            f"{repeats.contradictory:,} {'sequence stands' if one else 'sequences stand'} with more than one class "
            f"({share(repeats.contradictory_rows, facts.rows)}; for instance records '{a}' and '{b}'): "
            "no model can be right on all of them."
        )
    if repeats.exact_rows:
        found.append(
            f"{share(repeats.exact_rows, facts.rows)} repeat the sequence of an earlier row: "
            "in a random split copies would stand in train and test; use split kind homology or group."
        )
    if repeats.reverse_complement_rows:
        found.append(
            f"{share(repeats.reverse_complement_rows, facts.rows)} are the reverse complement of another row: "
            "a random split would leak if both strands mean the same."
        )
    if repeats.id_rows:
        found.append(
            f"{share(repeats.id_rows, facts.rows)} have an id that an earlier row has: "
            "predictions cannot be joined by id."
        )
    return found


def _classes(facts: DataFacts) -> list[str]:
    found: list[str] = []
    if facts.rows < 200:
        rows = "1 row" if facts.rows == 1 else f"{facts.rows:,} rows"
        found.append(f"Only {rows}: intervals will be wide, and a simple baseline may well be the best model.")
    counts = {item.name: item.rows for item in facts.classes}
    if not counts:
        return found
    rare = [name for name, rows in counts.items() if rows < FEW_ROWS_PER_CLASS]
    if rare:
        names = ", ".join(rare[:5]) + (" …" if len(rare) > 5 else "")
        word = "class has" if len(rare) == 1 else "classes have"
        found.append(
            f"{len(rare):,} {word} fewer than {FEW_ROWS_PER_CLASS} rows ({names}): too few to learn or to judge."
        )
    if facts.task == "classes":
        largest, smallest = max(counts, key=counts.__getitem__), min(counts, key=counts.__getitem__)
        if counts[largest] >= 3 * max(1, counts[smallest]):
            found.append(
                f"The classes are unbalanced: '{largest}' has {share(counts[largest], facts.rows)}, '{smallest}' has "
                f"{counts[smallest]:,}. Accuracy flatters; read balanced accuracy, MCC and average precision."
            )
    return found


def _shortcuts(facts: DataFacts) -> list[str]:
    found = []
    for item in facts.separations:
        what = "Length" if item.feature == "length" else "GC content"
        if item.measure == "spearman":
            if item.value >= VALUE_TELLS:
                found.append(
                    f"{what} alone correlates with '{item.of}' (Spearman {item.value:.2f}): "
                    "see whether a model beats that baseline."
                )
        elif item.value >= (LENGTH_TELLS if item.feature == "length" else GC_TELLS):
            found.append(
                f"{what} alone tells class '{item.of}' from the rest with AUROC {item.value:.2f}: "
                "the task may be easy for a reason that has nothing to do with its biology; "
                "compare with the composition + length baseline, or match the classes."
            )
    return found


def _letters(facts: DataFacts) -> list[str]:
    found, letters = [], facts.letters
    bases = max(1, letters.bases)
    if letters.skipped_rows:
        total = letters.rows + letters.skipped_rows
        found.append(
            f"{share(letters.skipped_rows, total)} were skipped as data.letters asks; first: "
            f"{letters.skipped[0] if letters.skipped else 'not recorded'}"
        )
    if letters.unknown:
        found.append(f"{letters.unknown:,} characters are no DNA letter and were read as N.")
    if letters.n + letters.ambiguous > 0.01 * bases:
        found.append(
            f"{100 * (letters.n + letters.ambiguous) / bases:.1f} % of the letters are N or another ambiguity code."
        )
    if letters.lower_case:
        found.append(
            f"{100 * letters.lower_case / bases:.1f} % of the letters are lower case (soft-masked repeats?); "
            "see data.letters.lower_case."
        )
    if letters.uracil:
        found.append(f"{letters.uracil:,} letters are U and were read as T.")
    if letters.gaps:
        found.append(f"{letters.gaps:,} gaps: are these aligned sequences? data.letters.gap: remove takes them out.")
    return found


def _sequences(facts: DataFacts) -> list[str]:
    found = []
    if facts.empty_rows:
        found.append(f"{share(facts.empty_rows, facts.rows)} are empty.")
    if facts.unknown_rows:
        found.append(f"{share(facts.unknown_rows, facts.rows)} are at least half N, ambiguity codes or gaps.")
    if facts.low_complexity_rows > 0.01 * facts.rows:
        found.append(f"{share(facts.low_complexity_rows, facts.rows)} are mostly a short repeat (low complexity).")
    if "cropped" in facts.window:
        found.append(f"The window is {facts.window}.")
    return found
