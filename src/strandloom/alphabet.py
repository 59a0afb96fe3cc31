"""Letters to ``uint8`` codes and back, vectorised.

DNA codes, everywhere in the package and in every file it writes::

    A C G T   R Y S W K M B D H V   N    -    (pad)
    0 1 2 3   4 5 6 7 8 9 10 11 12 13 14  15   16

Policies: lower case is read as upper case; ``U`` (and ``u``) is read as ``T``; ``.`` is read as a gap; ``X`` and ``?`` are errors.
One-hot channels are ``A C G T``; an ambiguity code is the mean of its bases, gap and pad are zeros.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.uint8]
INVALID = np.uint8(255)


@dataclass(frozen=True, eq=False)
class Alphabet:
    """A set of letters with their codes, members and complements.

    Parameters
    ----------
    name
        ``"dna"`` for now; protein fits the same form.
    letters
        One character per code, in code order, without the pad.
    members
        For each letter the base letters it may stand for (``"R": "AG"``; gap: ``""``).
    aliases
        Letters read as another one (``"U": "T"``).
    complements
        Letter to complementary letter; None for an alphabet without strands.
    """

    name: str
    letters: str
    members: dict[str, str]
    aliases: dict[str, str]
    complements: dict[str, str] | None

    @cached_property
    def bases(self) -> str:
        """The unambiguous letters, in channel order (``"ACGT"``)."""
        return "".join(x for x in self.letters if self.members[x] == x)

    @property
    def channels(self) -> int:
        """Number of one-hot channels, C (4 for DNA)."""
        return len(self.bases)

    @property
    def pad(self) -> int:
        """The code of padding."""
        return len(self.letters)

    @property
    def size(self) -> int:
        """Number of codes, pad included."""
        return len(self.letters) + 1

    @cached_property
    def gap(self) -> int:
        """The code of ``-``."""
        return self.letters.index("-")

    @cached_property
    def any(self) -> int:
        """The code that stands for any base (``N`` for DNA)."""
        return next(i for i, x in enumerate(self.letters) if len(self.members[x]) == self.channels)

    @cached_property
    def encode_table(self) -> Codes:
        """Byte to code, uint8 ``(256,)``; 255 marks a byte that is no letter."""
        table = np.full(256, INVALID, np.uint8)
        for code, letter in enumerate(self.letters):
            for form in (letter.upper(), letter.lower()):
                table[ord(form)] = code
        for alias, letter in self.aliases.items():
            for form in (alias.upper(), alias.lower()):
                table[ord(form)] = self.letters.index(letter)
        return table

    @cached_property
    def decode_table(self) -> Codes:
        """Code to upper-case byte, uint8 ``(256,)``; pad decodes to ``-``, anything else to ``?``."""
        table = np.full(256, ord("?"), np.uint8)
        table[: len(self.letters)] = np.frombuffer(self.letters.encode(), np.uint8)
        table[self.pad] = ord("-")
        return table

    @cached_property
    def one_hot_table(self) -> NDArray[np.float32]:
        """Code to channel weights, float32 ``(size, C)``."""
        table = np.zeros((self.size, self.channels), np.float32)
        for code, letter in enumerate(self.letters):
            for base in self.members[letter]:
                table[code, self.bases.index(base)] = 1 / len(self.members[letter])
        return table

    @cached_property
    def complement_table(self) -> Codes:
        """Code to the code of the complement, uint8 ``(256,)`` (pad and gap map to themselves).

        Raises
        ------
        ValueError
            The alphabet has no strands.
        """
        if self.complements is None:
            raise ValueError(f"the {self.name} alphabet has no complement")
        table = np.arange(256, dtype=np.uint8)
        for code, letter in enumerate(self.letters):
            table[code] = self.letters.index(self.complements.get(letter, letter))
        return table

    def encode(self, text: bytes | str | NDArray[np.uint8]) -> Codes:
        """Text (ASCII) to codes, uint8 ``(L,)``; bytes that are no letter become 255."""
        if isinstance(text, str):
            text = text.encode("ascii", "replace")
        raw = np.frombuffer(text, np.uint8) if isinstance(text, bytes) else text
        return self.encode_table[raw]

    def decode(self, codes: Codes) -> str:
        """Codes ``(L,)`` to upper-case text; pads are dropped from both ends and shown as ``-`` inside."""
        inside = np.flatnonzero(codes != self.pad)
        kept = codes[inside[0] : inside[-1] + 1] if len(inside) else codes[:0]
        return self.decode_table[kept].tobytes().decode("ascii")

    def one_hot(self, codes: Codes) -> NDArray[np.float32]:
        """Codes ``(..., L)`` to channel weights float32 ``(..., C, L)``: the slow, obvious reference."""
        return np.ascontiguousarray(np.moveaxis(self.one_hot_table[codes], -1, -2))

    def complement(self, codes: Codes) -> Codes:
        """The complement base by base, same shape."""
        return self.complement_table[codes]

    def reverse_complement(self, codes: Codes) -> Codes:
        """The other strand of codes ``(..., L)``; pads move to the other end."""
        return np.ascontiguousarray(self.complement_table[codes][..., ::-1])


_IUPAC = {
    "A": "A", "C": "C", "G": "G", "T": "T",
    "R": "AG", "Y": "CT", "S": "CG", "W": "AT", "K": "GT", "M": "AC",
    "B": "CGT", "D": "AGT", "H": "ACT", "V": "ACG", "N": "ACGT", "-": "",
}  # fmt: skip

DNA = Alphabet(
    name="dna",
    letters="".join(_IUPAC),
    members=_IUPAC,
    aliases={"U": "T", ".": "-"},
    complements=dict(zip("ACGTRYSWKMBDHVN-", "TGCAYRSWMKVHDBN-", strict=True)),
)
