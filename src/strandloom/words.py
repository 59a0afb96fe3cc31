"""Words that every floor needs: numbers with their noun."""

from __future__ import annotations


def plural(number: int, one: str, many: str | None = None) -> str:
    """``1 sequence``, ``5,920 sequences``; ``many`` is the word for all but one where it is not ``one`` with an s."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
