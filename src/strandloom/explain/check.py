"""Whether a map of attributions can be trusted: do its sums close, and does it agree with what substitutions really do?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from strandloom.alphabet import DNA, Codes
from strandloom.explain.attribution import Check, Method, contributions

if TYPE_CHECKING:
    import torch

    from strandloom.explain.score import Explained

SAMPLED = 16
"""Sequences that are mutated to be compared with: their median correlation has a standard error near .05."""
GAP = 0.1
"""A median gap above a tenth of the spread of the scores moves a sequence past others of its kind: then contributions are no shares."""
WIDE_GAP = 0.5
"""A median gap above half of that spread is as large as the differences that the contributions are to explain."""
DOUBTFUL = 0.5
"""Correlation below which less than a quarter of the variance is shared with mutagenesis."""
GOOD = 0.7
"""Correlation from which half of the variance is shared; between the two a word of caution is enough."""
SILENT = "every contribution is exactly 0: the network does not react to these sequences, or hides its gradient; try mutagenesis"
"""Said of a map that is empty."""


def check(
    score: Explained,
    codes: Codes,
    scores: NDArray[np.float32],
    *,
    method: Method,
    predicted: NDArray[np.float32],
    baseline: NDArray[np.float32] | None = None,
    rows: int = SAMPLED,
    seed: int = 1,
    batch_size: int = 256,
    device: torch.device | str = "cpu",
) -> Check:
    """Completeness and agreement of a map, and what is wrong with it in plain words.

    Parameters
    ----------
    score
        What was explained.
    codes
        uint8 ``(N, L)``.
    scores
        float32 ``(N, 4, L)``: the map.
    method
        How it was made.
    predicted, baseline
        float32 ``(N,)``: score of each sequence, and what its contributions count from (None: no sum is promised).
    rows
        Sequences to mutate; 0: none.
    seed
        Seed of their draw.
    """
    observed = contributions(codes, scores)
    gap = None if baseline is None else completeness_gap(observed, predicted=predicted, baseline=baseline)
    found, sampled = None, 0
    if method != "mutagenesis" and rows > 0:
        found, sampled = agreement(score, codes, observed, rows=rows, seed=seed, batch_size=batch_size, device=device)
    said = (
        gap_words(gap, method),
        SILENT if len(scores) and not scores.any() else "",
        agreement_words(found),
    )
    return Check(gap=gap, agreement=found, sampled=sampled, cautions=tuple(words for words in said if words))


def gap_words(gap: float | None, method: Method) -> str:
    """What a completeness gap means for the reader; empty where it is small or not known."""
    if gap is None or gap <= GAP:
        return ""
    return (
        f"the contributions miss the score that they explain by {gap:.2f} standard deviations: read them as ranks, not as shares"
        + ("; more steps help" if method == "integrated_gradients" else ", or use the method mutagenesis")
    )


def agreement_words(agreement: float | None) -> str:
    """What a correlation with mutagenesis means for the reader; empty where it is good or not known."""
    if agreement is None or agreement >= GOOD:
        return ""
    r = f"{agreement:.2f}".replace("0.", ".")
    if agreement < DOUBTFUL:
        return (
            f"this picture agrees with mutagenesis only by r = {r}: read it with doubt, or use the method mutagenesis"
        )
    return f"this picture agrees with mutagenesis by r = {r}: trust its large features, not its details"


def completeness_gap(
    observed: NDArray[np.float32], *, predicted: NDArray[np.float32], baseline: NDArray[np.float32]
) -> float | None:
    """Median of ``|Σ contributions - (score - baseline)|`` in standard deviations of ``score - baseline``.

    For a single sequence, or where all differ equally from their references, the unit is the root mean square of ``score - baseline``.

    Parameters
    ----------
    observed
        Contributions ``(N, L)``.
    predicted, baseline
        float32 ``(N,)``.

    Returns
    -------
    float | None
        None where there is nothing to explain (no sequences, no differences).
    """
    promised = predicted.astype(np.float64) - baseline
    if not len(promised):
        return None
    scale = float(promised.std()) if len(promised) > 1 else 0.0
    largest = float(np.sqrt((promised**2).mean()))
    if scale <= 1e-6 * largest:
        scale = largest
    if scale == 0:
        return None
    return float(np.median(np.abs(observed.sum(axis=1, dtype=np.float64) - promised)) / scale)


def agreement(
    score: Explained,
    codes: Codes,
    observed: NDArray[np.float32],
    *,
    rows: int = SAMPLED,
    seed: int = 1,
    batch_size: int = 256,
    device: torch.device | str = "cpu",
) -> tuple[float | None, int]:
    """Median over sampled sequences of the Pearson correlation of contributions ``(N, L)`` with those of mutagenesis.

    Positions with one of A, C, G, T are compared; sequences without variance on either side are left out.

    Returns
    -------
    tuple[float | None, int]
        The median and the number of sequences it is of; None and 0 where nothing varies.
    """
    from strandloom.explain.mutagenesis import mutagenesis  # torch, which those who read the limits above need not load

    chosen = np.sort(np.random.default_rng(seed).permutation(len(codes))[:rows])
    mutants = mutagenesis(score, codes[chosen], batch_size=batch_size, device=device)
    exact = -mutants.effects.mean(axis=1)  # (n, L): as mutagenesis_contributions
    found = []
    for row, mine, theirs in zip(codes[chosen], observed[chosen], exact, strict=True):
        kept = row < DNA.channels
        a, b = mine[kept].astype(np.float64), theirs[kept].astype(np.float64)
        if len(a) > 1 and np.ptp(a) > 0 and np.ptp(b) > 0:
            found.append(float(np.corrcoef(a, b)[0, 1]))
    return (float(np.median(found)), len(found)) if found else (None, 0)
