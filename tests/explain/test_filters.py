"""Matrices of filters whose right answer is built in: a kernel that is a motif gives the motif back."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from strandloom import pwm
from strandloom.alphabet import DNA
from strandloom.errors import SettingsError, UsageError
from strandloom.explain.filters import filters_to_motifs


def network(words: list[str], *, bias: float = 0.0, width: int = 8) -> nn.Sequential:
    """Kernels that count the letters of words in common with the sequence, then ReLU and maximum."""
    conv = nn.Conv1d(4, len(words), width)
    with torch.no_grad():
        conv.weight.zero_()
        conv.bias.fill_(bias)  # type: ignore[union-attr]
        for i, word in enumerate(words):
            conv.weight[i, :, : len(word)] = torch.from_numpy(DNA.one_hot_table[DNA.encode(word)].T.copy())
    return nn.Sequential(conv, nn.ReLU(), nn.AdaptiveMaxPool1d(1), nn.Flatten())


def sequences(rows: int = 400, length: int = 60, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 4, (rows, length), dtype=np.uint8)


def plant(codes: np.ndarray, word: str, rows: range, start: int) -> None:
    codes[rows.start : rows.stop, start : start + len(word)] = DNA.encode(word)


def test_equals_its_slow_twin() -> None:
    codes = sequences(50, 40)
    codes[3, 5] = DNA.any
    codes[7, :9] = DNA.pad
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv1d(4, 5, 7), nn.ReLU())
    found = filters_to_motifs(net, codes, least=1, same=1.0, starts=np.where(np.arange(50) == 7, 9, 0), batch_size=7)
    x = torch.from_numpy(DNA.one_hot(codes))
    with torch.no_grad():
        values = F.conv1d(x, net[0].weight, net[0].bias).numpy()  # (50, 5, 34)
    values[7, :, :9] = -np.inf
    values = np.maximum(values, 0)
    for index, one in enumerate(found.filters):
        np.testing.assert_allclose(one.largest, values[:, index].max(), rtol=1e-5)
        row, start = np.nonzero(values[:, index] > one.largest / 2)
        assert one.count == len(row)
        counts = sum(DNA.one_hot_table[codes[r, s : s + 7]] for r, s in zip(row, start, strict=True))
        motif = next(m for m in found.motifs if m.name == one.name)
        np.testing.assert_allclose(motif.matrix, counts / counts.sum(axis=1, keepdims=True), atol=1e-6)  # type: ignore[union-attr]
        np.testing.assert_array_equal(motif.sites.row, row)
        np.testing.assert_array_equal(motif.sites.start, start - np.where(row == 7, 9, 0))
        np.testing.assert_allclose(motif.sites.score, values[row, index, start], rtol=1e-5)


def test_a_motif_in_the_kernel_comes_back() -> None:
    codes = sequences()
    plant(codes, "GGGCGGAA", range(120), 20)
    found = filters_to_motifs(network(["GGGCGGAA"], bias=-5.0), codes)
    (motif,) = found.motifs
    assert pwm.consensus(motif.matrix) == "GGGCGGAA"
    assert (pwm.information(motif.matrix) > 1).all()
    assert set(range(120)) <= set(motif.sites.row.tolist())
    assert np.bincount(motif.sites.start).argmax() == 20


def test_dead_filters_say_why() -> None:
    codes = sequences()
    plant(codes, "GGGCGGAA", range(120), 20)
    plant(codes, "TTTTTTTTTTTT", range(3), 5)
    found = filters_to_motifs(network(["GGGCGGAA", "TTTTTTTT"], bias=-7.5), codes, least=40)
    assert found.filters[0].dead is None
    assert found.filters[1].dead is not None
    assert found.filters[1].dead.endswith("windows above the threshold; 40 are needed")
    assert (
        filters_to_motifs(network(["ACGTACGT"], bias=-9.0), codes).filters[0].dead
        == "its activation is never above zero"
    )
    short = filters_to_motifs(Wide(), sequences(length=5))
    assert short.filters[0].dead == "no window of 8 bases fits into a sequence"
    assert np.isnan(short.filters[0].largest)
    assert short.motifs == ()


class Wide(nn.Module):
    """Sees sequences shorter than its kernel through zeros at their ends."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv1d(4, 1, 8, padding=6)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv(x).amax(dim=2)


def test_filters_of_one_motif_are_merged_at_any_offset_and_strand() -> None:
    codes = sequences(1000)
    for i, word in enumerate(("GGGCGGAA", "TTCCGCCC", "TGACATCA")):
        plant(codes, word, range(200 * i, 200 * i + 200), 20)
    net = network(["GGGCGGAA", "TTCCGCCC", "GGCGGAA", "TGACATCA"], bias=-5.0)
    found = filters_to_motifs(net, codes, same=0.8)
    assert {motif.name for motif in found.motifs} == {one.merged for one in found.filters}
    assert [one.merged == found.filters[0].merged for one in found.filters] == [True, True, True, False]


def test_a_limit_keeps_the_strongest_and_raises_the_threshold() -> None:
    codes = sequences(600)
    torch.manual_seed(1)
    net = nn.Sequential(nn.Conv1d(4, 3, 7), nn.ReLU())
    every = filters_to_motifs(net, codes, least=1, same=1.0)
    few = filters_to_motifs(net, codes, least=1, same=1.0, most=50)
    for one, other in zip(every.filters, few.filters, strict=True):
        assert other.count == 50
        assert other.threshold > one.threshold
        a, b = (next(m.sites.score for m in x.motifs if m.name == one.name) for x in (every, few))
        np.testing.assert_allclose(np.sort(a)[-50:], np.sort(b))


def test_equals_are_kept_up_to_the_limit_in_blocks_too(monkeypatch: pytest.MonkeyPatch) -> None:
    net, codes = network(["AAA"], width=3), sequences(500)
    few = filters_to_motifs(net, codes, share=0.9, most=100).motifs[0].sites
    assert len(few) == 100
    assert len(np.unique(few.row // 100)) == 5  # not the first that come
    monkeypatch.setattr("strandloom.explain.filters._PENDING", 120)
    parts = filters_to_motifs(net, codes, share=0.9, most=100, batch_size=20).motifs[0].sites
    np.testing.assert_array_equal(few.row, parts.row)
    np.testing.assert_array_equal(few.start, parts.start)


def test_members_of_a_bundle_stand_side_by_side() -> None:
    codes = sequences()
    found = filters_to_motifs([network(["GGGCGGAA"]), network(["TGACATCA"])], codes, least=1)
    assert [(x.name, x.layer, x.index) for x in found.filters] == [("filter-0", "0.0", 0), ("filter-1", "1.0", 0)]


def test_mistakes() -> None:
    net = network(["GGGCGGAA"])
    with pytest.raises(UsageError, match="there are none"):
        filters_to_motifs(net, sequences(0))
    with pytest.raises(SettingsError, match="between 0 and 1"):
        filters_to_motifs(net, sequences(), share=1.5)
