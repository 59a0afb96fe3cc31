"""The published networks by their weights and shapes."""

from __future__ import annotations

import pytest
import torch

from strandloom.errors import SettingsError
from strandloom.models.build import build, describe, parameter_count
from strandloom.models.settings import DanqSettings, DeepSeaSettings, ModelSettings, UtrSettings

LSTM_BIASES = 2 * 4
"""torch keeps two biases for each gate and direction where Keras has one; per unit."""


@pytest.mark.parametrize(("padding", "flat", "weights"), [("same", 7424, 908_000), ("valid", 4352, 712_000)])
def test_the_networks_of_the_yeast_leader(padding: str, flat: int, weights: int) -> None:
    """Cuperus et al. 2017 (convolutions after the first "same"), and its replication on a platform ("valid" throughout)."""
    settings = UtrSettings(padding=padding)  # type: ignore[arg-type]
    network = build(settings, channels=4, length=50, outputs=1)
    count = parameter_count(network).trainable
    assert count == 4 * 13 * 128 + 128 + 2 * (128 * 13 * 128 + 128) + flat * 64 + 64 + 64 + 1
    assert count == pytest.approx(weights, rel=0.001)
    shapes = [block.output_shape for block in describe(settings, channels=4, length=50, outputs=1)]
    assert shapes[:2] == ["(70, 4)", "(58, 128)"]
    assert f"({flat},)" in shapes


def test_empty_columns_stand_around_the_sequence() -> None:
    """A network of 50 columns answers as one of 70 whose outer ten are empty."""
    small = build(UtrSettings(), channels=4, length=50, outputs=1, seed=3).eval()
    x = torch.nn.functional.one_hot(torch.randint(0, 4, (2, 50)), 4).transpose(1, 2).float()
    wide = torch.zeros(2, 4, 70)
    wide[:, :, 10:60] = x
    body = small.body.steps  # type: ignore[union-attr]
    y, mask = wide, None
    for step in list(body)[1:]:  # type: ignore[arg-type]
        y, mask = step(y, mask)
    assert torch.allclose(small.output(y), small(x), atol=1e-6)  # type: ignore[operator]


@pytest.mark.parametrize(
    ("settings", "outputs", "weights"),
    [
        (DanqSettings(), 919, 33_600 + 2 * 4 * (320 * 640 + 320) + 48_000 * 925 + 925 + 925 * 919 + 919),
        (
            DanqSettings(filters=1024, width=30, pool=15, units=512),
            919,
            4 * 30 * 1024 + 1024 + 2 * 4 * (512 * (1024 + 512) + 512) + 64 * 1024 * 925 + 925 + 925 * 919 + 919,
        ),
        (
            DeepSeaSettings(),
            919,
            4 * 8 * 320 + 320 + 320 * 8 * 480 + 480 + 480 * 8 * 960 + 960 + 53 * 960 * 925 + 925 + 925 * 919 + 919,
        ),
    ],
    ids=["danq", "danq_jaspar", "deepsea"],
)
def test_annotation_networks(settings: ModelSettings, outputs: int, weights: int) -> None:
    """DanQ 46.93 M, DanQ-JASPAR 67.9 M, DeepSEA 52.8 M weights."""
    reports = describe(settings, channels=4, length=1000, outputs=outputs)
    extra = settings.units * LSTM_BIASES if isinstance(settings, DanqSettings) else 0
    assert sum(r.parameters for r in reports) == weights + extra
    published = {DanqSettings().filters: 46.93e6, 1024: 67.9e6}
    known = published[settings.filters] if isinstance(settings, DanqSettings) else 52.8e6
    assert weights == pytest.approx(known, rel=0.003)


def test_a_sequence_that_is_too_short_is_said() -> None:
    with pytest.raises(SettingsError, match=r"conv needs windows of 8 positions, but only 4 reach it"):
        build(DeepSeaSettings(), channels=4, length=110, outputs=1)
    assert build(DeepSeaSettings(padding="same"), channels=4, length=110, outputs=2)(torch.zeros(1, 4, 110)).shape == (
        1,
        2,
    )
