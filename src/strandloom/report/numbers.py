"""Numbers as people read them: digits, intervals, percentages, counts, times and sizes.

Every function takes None, NaN and infinities and gives an en dash for them, so a missing value never breaks a page.
"""

from __future__ import annotations

import math
from typing import Any

MISSING = "–"
MINUS = "\N{MINUS SIGN}"
NARROW = "\N{NO-BREAK SPACE}"


def finite(value: Any) -> float | None:
    """The value as a finite float; None for anything else (None, NaN, infinity, text, true/false)."""
    if value is None or isinstance(value, (str, bytes, bool)):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def fixed(value: Any, digits: int = 3) -> str:
    """``0.714``; the sign of a negative value is a real minus, a rounded zero has none."""
    number = finite(value)
    if number is None:
        return MISSING
    text = f"{number:,.{digits}f}"
    if text.startswith("-"):
        text = text[1:] if float(text.replace(",", "")) == 0 else MINUS + text[1:]
    return text


def signed(value: Any, digits: int = 3) -> str:
    """``+0.042`` or ``−0.010``."""
    text = fixed(value, digits)
    return text if text == MISSING or text.startswith(MINUS) or not finite(value) else f"+{text}"


def general(value: Any, digits: int = 3) -> str:
    """About ``digits`` significant digits without useless zeros: ``12,300``, ``0.0032``, ``1.5``."""
    number = finite(value)
    if number is None:
        return MISSING
    if number == 0:
        return "0"
    size = math.floor(math.log10(abs(number)))
    if size < -4:
        mantissa, exponent = f"{number:.{max(digits - 1, 0)}e}".split("e")
        return f"{mantissa}e{int(exponent)}".replace("-", MINUS)
    places = max(digits - 1 - size, 0)
    text = f"{number:,.{places}f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return text.replace("-", MINUS)


def interval(low: Any, high: Any, digits: int = 3) -> str:
    """``0.69–0.73``; ``to`` replaces the dash when a bound is negative; empty when a bound is missing."""
    if finite(low) is None or finite(high) is None:
        return ""
    left, right = fixed(low, digits), fixed(high, digits)
    return f"{left} to {right}" if MINUS in left + right else f"{left}–{right}"


def percent(fraction: Any, digits: int = 1) -> str:
    """``1.1 %`` of a fraction 0.011; a small non-zero fraction reads ``< 0.1 %``."""
    number = finite(fraction)
    if number is None:
        return MISSING
    smallest = 10**-digits
    if 0 < number * 100 < smallest / 2:
        return f"< {smallest:.{digits}f}{NARROW}%"
    text = fixed(number * 100, digits)
    return (text.rstrip("0").rstrip(".") if "." in text else text) + NARROW + "%"


def count(value: Any) -> str:
    """``5,920``."""
    number = finite(value)
    return MISSING if number is None else fixed(round(number), 0)


def duration(seconds: Any) -> str:
    """``850 ms``, ``42 s``, ``3 min 20 s``, ``2 h 5 min``."""
    number = finite(seconds)
    if number is None or number < 0:
        return MISSING
    if number < 1:
        return f"{number * 1000:.0f} ms"
    if number < 10:
        return f"{number:.1f} s"
    whole = round(number)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        minutes, rest = divmod(whole, 60)
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, rest = divmod(round(number / 60), 60)
    return f"{hours} h {rest} min" if rest else f"{hours} h"


def size(number_of_bytes: Any) -> str:
    """``4.2 MB`` (powers of 1,000)."""
    number = finite(number_of_bytes)
    if number is None:
        return MISSING
    for unit in ("bytes", "kB", "MB", "GB"):
        if abs(number) < 1000:
            return f"{general(number)} {unit}"
        number /= 1000
    return f"{general(number)} TB"


def shorten(text: str, length: int) -> str:
    """At most ``length`` characters, the middle replaced by an ellipsis (names differ most often at their ends)."""
    if len(text) <= length:
        return text
    tail = max((length - 1) // 3, 1)
    return text[: length - 1 - tail] + "…" + text[-tail:]
