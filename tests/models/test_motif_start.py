"""First filters from known motifs."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from strandloom.errors import SettingsError
from strandloom.models.build import build
from strandloom.models.motif_start import first_layers, start_from_motifs
from strandloom.models.settings import (
    ActivationBlockSettings,
    ConvBlockSettings,
    DropoutBlockSettings,
    GlobalPoolBlockSettings,
    LayersSettings,
    ModelSettings,
    MultiscaleSettings,
    ParallelBlockSettings,
    ResidualSettings,
    TutorialSettings,
)
from strandloom.pwm import Matrix, information, reverse_complement, richest_window


def motifs(widths: list[int], *, seed: int = 0) -> dict[str, Matrix]:
    rng = np.random.default_rng(seed)
    return {f"M{i} w{width}": rng.dirichlet([0.1] * 4, width) for i, width in enumerate(widths)}


def one_conv(filters: int = 8, width: int = 12, *, bias: bool = True) -> LayersSettings:
    return LayersSettings(
        blocks=(
            DropoutBlockSettings(rate=0.1),
            ConvBlockSettings(filters=filters, width=width, bias=bias),
            ActivationBlockSettings(),
            GlobalPoolBlockSettings(),
        )
    )


def made(settings: ModelSettings) -> nn.Module:
    return build(settings, channels=4, length=60, outputs=2, seed=1)


def kernels(module: nn.Module) -> list[np.ndarray]:
    """Every first filter ``(4, W)``, in order."""
    return [
        kernel.reshape(4, -1) for layer in first_layers(module) for kernel in layer.weight.detach().double().numpy()
    ]


ARCHITECTURES: list[ModelSettings] = [
    one_conv(),
    LayersSettings(
        blocks=(
            ParallelBlockSettings(
                branches=(
                    (ConvBlockSettings(filters=4, width=5), GlobalPoolBlockSettings()),
                    (ConvBlockSettings(filters=6, width=15, bias=False), GlobalPoolBlockSettings()),
                )
            ),
        )
    ),
    ResidualSettings(filters=16, blocks=1, channels=8),
    ResidualSettings(filters=17, stem_widths=(5, 9, 21), blocks=1, channels=8),
    MultiscaleSettings(filters=8),
    TutorialSettings(),
]


@pytest.mark.parametrize("settings", ARCHITECTURES, ids=lambda s: s.kind)
def test_kernels_hold_the_matrices_and_nothing_else_changes(settings: ModelSettings) -> None:
    before, module = made(settings), made(settings)
    given = motifs([4, 5, 6, 7, 9, 11, 14])
    found = start_from_motifs(module, given, seed=3, reverse_complements=True)
    old, new = kernels(before), kernels(module)
    assert found.filters == len(new)
    assert 0 < len(found.placed) <= sum(round(layer.out_channels / 2) for layer in first_layers(module))
    assert [one.filter for one in found.placed] == sorted({one.filter for one in found.placed})
    for one in found.placed:
        matrix = reverse_complement(given[one.motif]) if one.reverse else given[one.motif]
        kept = matrix[one.first : one.first + one.width]
        place = slice(one.offset, one.offset + one.width)
        np.testing.assert_allclose(new[one.filter][:, place], kept.T - 0.25, atol=1e-7)
        around = np.delete(new[one.filter], np.r_[place], axis=1)
        np.testing.assert_array_equal(around, np.delete(old[one.filter], np.r_[place], axis=1))
        assert one.whole == (one.width == len(matrix))
    for i in set(range(len(new))) - {one.filter for one in found.placed}:
        np.testing.assert_array_equal(new[i], old[i])
    firsts = {id(p) for layer in first_layers(module) for p in layer.parameters()}
    for mine, theirs in zip(module.parameters(), before.parameters(), strict=True):
        assert id(mine) in firsts or torch.equal(mine, theirs)


def test_a_filter_answers_most_where_its_motif_stands() -> None:
    module = made(one_conv(filters=2, width=10, bias=False))
    codes = np.array([0, 1, 2, 3, 3, 2, 0])
    found = start_from_motifs(module, {"M": np.eye(4)[codes]}, share=0.5, seed=0)
    layer, offset = first_layers(module)[0], found.placed[0].offset
    with torch.no_grad():
        layer.weight[0, :, :offset] = layer.weight[0, :, offset + 7 :] = 0  # without the random weights around it
    rng = np.random.default_rng(0)
    sequence = rng.integers(0, 4, 60)
    sequence[20:27] = codes
    with torch.no_grad():
        answer = layer(torch.from_numpy(np.eye(4, dtype=np.float32)[sequence].T[None]))[0, 0]
    # an even "same" convolution has (W - 1) // 2 zeros on the left
    assert int(answer.argmax()) == 20 - offset + (10 - 1) // 2
    assert float(answer.max()) == pytest.approx(7 * 0.75)


def test_biases_of_the_filters_that_are_set() -> None:
    module = made(one_conv(filters=40))
    found = start_from_motifs(module, motifs([6] * 30), seed=0)
    bias = first_layers(module)[0].bias
    assert bias is not None
    assert len(found.placed) == 20
    assert (bias[:20] > -1).all() and (bias[:20] < 0).all() and len(bias[:20].unique()) == 20  # noqa: PT018
    assert (bias[20:] == 0).all()


def test_offsets_keep_a_margin_and_reach_both_ends() -> None:
    module = made(one_conv(filters=400, width=12))
    found = start_from_motifs(module, motifs([5] * 200), seed=0)
    assert {one.offset for one in found.placed} == {3, 4}  # 3 … 12 - 5 - 3
    tight = start_from_motifs(made(one_conv(filters=400, width=6)), motifs([5] * 200), seed=0)
    assert {one.offset for one in tight.placed} == {0, 1}


def test_seed_decides_and_nothing_else() -> None:
    torch.manual_seed(5)
    state = torch.random.get_rng_state()
    runs = []
    for seed in (1, 1, 2):
        module = made(one_conv())
        runs.append((start_from_motifs(module, motifs([5] * 30), seed=seed), np.stack(kernels(module))))
    assert runs[0][0] == runs[1][0]
    np.testing.assert_array_equal(runs[0][1], runs[1][1])
    assert runs[0][0] != runs[2][0]
    assert torch.equal(state, torch.random.get_rng_state())


def test_narrowest_filter_that_holds_a_motif_then_the_widest_trimmed() -> None:
    settings = ResidualSettings(filters=12, stem_widths=(5, 9, 21), blocks=1, channels=8)  # 4 filters of each width
    found = start_from_motifs(made(settings), motifs([9, 9, 4, 15]), seed=0)
    at = {one.motif: one.filter // 4 for one in found.placed}
    assert at == {"M0 w9": 1, "M1 w9": 1, "M2 w4": 0, "M3 w15": 2}
    crowded = start_from_motifs(made(settings), motifs([9] * 4), seed=0)
    assert sorted(one.filter // 4 for one in crowded.placed) == [1, 1, 2, 2]


def test_wide_motifs_are_trimmed_or_left_out() -> None:
    rich = np.full((20, 4), 0.25)
    rich[8:13] = np.eye(4)[[0, 1, 2, 3, 0]]
    even = np.eye(4)[np.zeros(20, int)]
    found = start_from_motifs(made(one_conv(width=7)), {"rich": rich, "even": even}, seed=0)
    assert [(one.motif, one.width, one.whole) for one in found.placed] == [("rich", 7, False)]
    assert found.placed[0].first == richest_window(rich, 7) == 6
    assert found.left_out == ("even",)
    assert found.line() == (
        "1 of 8 first filters start from 1 known motifs, 1 of them trimmed to their most informative window; "
        "1 motifs were too wide and left out"
    )


def test_richest_window_against_trying_them_all() -> None:
    matrix = motifs([30])["M0 w30"]
    for width in (1, 7, 29, 30):
        sums = [information(matrix[i : i + width]).sum() for i in range(31 - width)]
        assert richest_window(matrix, width) == int(np.argmax(sums))


def test_nothing_fits() -> None:
    even = {"even": np.eye(4)[np.zeros(20, int)]}
    with pytest.raises(SettingsError, match=r"none of the 1 motifs fits the first filters \(7 positions wide\)"):
        start_from_motifs(made(one_conv(width=7)), even, seed=0)
    with pytest.raises(SettingsError, match="no first convolution"):
        start_from_motifs(nn.Sequential(nn.Flatten(), nn.Linear(240, 2)), even, seed=0)
    dilated = LayersSettings(blocks=(ConvBlockSettings(filters=4, width=5, dilation=2), GlobalPoolBlockSettings()))
    with pytest.raises(SettingsError, match="no first convolution"):
        start_from_motifs(made(dilated), even, seed=0)


def test_a_network_of_your_own() -> None:
    module = nn.Sequential(nn.Conv1d(4, 6, 9), nn.ReLU(), nn.Conv1d(6, 4, 3), nn.AdaptiveMaxPool1d(1), nn.Flatten())
    found = start_from_motifs(module, motifs([8] * 9), seed=0)
    assert (found.filters, len(found.placed)) == (6, 3)
