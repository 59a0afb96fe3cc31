"""Codes to one-hot, and to the other strand, on the batch and on its device.

One comparison of the codes with ``0 .. C-1`` written straight into a float32 buffer is the fastest way; only ambiguity
codes (IUPAC) need the table, and only where they stand.
"""

from __future__ import annotations

import torch
from torch import Tensor

from strandloom.alphabet import DNA, Alphabet


def one_hot_table(device: torch.device | str = "cpu", *, alphabet: Alphabet = DNA) -> Tensor:
    """Channel weights of every code, float32 (codes, C)."""
    return torch.from_numpy(alphabet.one_hot_table.copy()).to(device)


def is_plain(codes: Tensor, *, alphabet: Alphabet = DNA) -> bool:
    """Whether codes, uint8 (N, L), hold nothing but bases, gaps and pads (no ambiguity codes), looked at in blocks."""
    first, last = alphabet.channels, alphabet.gap
    return not any(bool(((block >= first) & (block < last)).any()) for block in codes.split(65536))


def one_hot(codes: Tensor, table: Tensor, *, plain: bool = False) -> Tensor:
    """One-hot channels of a batch.

    Parameters
    ----------
    codes
        uint8 (B, L).
    table
        Channel weights of every code, float32 (codes, C), of :func:`one_hot_table`, on the device of ``codes``.
    plain
        The caller knows that there are no ambiguity codes (:func:`is_plain`), so the table is not needed.

    Returns
    -------
    Tensor
        float32 (B, C, L), contiguous.
    """
    channels = table.shape[1]
    bases = torch.arange(channels, dtype=torch.uint8, device=codes.device)[None, :, None]  # (1, C, 1)
    if codes.device.type != "cpu":
        if plain:
            return (codes[:, None] == bases).to(torch.float32)
        return table[codes.long()].transpose(1, 2).contiguous()  # (B, L, C) -> (B, C, L)
    out = torch.empty((codes.shape[0], channels, codes.shape[1]), dtype=torch.float32)
    torch.eq(codes[:, None], bases, out=out)
    if not plain:
        rows, columns = torch.nonzero(codes >= channels, as_tuple=True)
        if len(rows):
            out[rows, :, columns] = table[codes[rows, columns].long()]
    return out


def reverse_complement(
    codes: Tensor,
    lengths: Tensor | None = None,
    anchor: str = "left",
    *,
    plain: bool = False,
    alphabet: Alphabet = DNA,
) -> Tensor:
    """The other strand of every row, anchored as the row was.

    Parameters
    ----------
    codes
        uint8 (B, L); row i holds its bases from ``left_edge(lengths[i])`` on and pads elsewhere.
    lengths
        Bases per row, int (B,); None when every row fills all L columns.
    anchor
        ``left``, ``right`` or ``centre``: where shorter rows stand (as in ``data.window``).
    plain
        There are no ambiguity codes, so a complement is ``C - 1 - code``.
    alphabet
        Whose complements and pad to use.

    Returns
    -------
    Tensor
        uint8 (B, L).
    """
    if plain and alphabet is DNA:
        other = torch.where(codes < 4, 3 - codes, codes)
    else:
        other = torch.from_numpy(alphabet.complement_table).to(codes.device)[codes.long()]
    if lengths is None:
        return other.flip(1)
    width = codes.shape[1]
    length = lengths.to(torch.int64).clamp(max=width)[:, None]  # (B, 1)
    edge = left_edge(length, width, anchor)  # (B, 1)
    column = torch.arange(width, device=codes.device)[None]  # (1, L)
    source = 2 * edge + length - 1 - column  # (B, L)
    inside = (column >= edge) & (column < edge + length)
    moved = other.gather(1, source.clamp(0, width - 1))
    return torch.where(inside, moved, alphabet.pad)


def left_edge(lengths: Tensor, width: int, anchor: str) -> Tensor:
    """First column that holds a base, same shape as ``lengths``; the twin of ``data.window.Window.left_edge``."""
    free = (width - lengths).clamp(min=0)
    if anchor == "left":
        return torch.zeros_like(free)
    return free if anchor == "right" else free // 2
