import pytest
import torch
from pydantic import ValidationError

from strandloom.models.build import build
from strandloom.models.multiscale import Multiscale
from strandloom.models.settings import MultiscaleSettings


def test_right_padding_changes_nothing() -> None:
    model = build(MultiscaleSettings(), channels=4, length=60, outputs=2).eval()
    generator = torch.Generator().manual_seed(0)
    x = torch.nn.functional.one_hot(torch.randint(4, (3, 50), generator=generator), 4).transpose(1, 2).float()
    for pads in (0, 1, 10, 60):
        torch.testing.assert_close(model(torch.nn.functional.pad(x, (0, pads))), model(x), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(model(torch.nn.functional.pad(x, (30, 0))), model(x), rtol=1e-5, atol=1e-6)


def test_attention_weights_can_be_read() -> None:
    settings = MultiscaleSettings(widths=(3, 8), heads=3)
    model = build(settings, channels=4, length=20, outputs=2).eval()
    assert isinstance(model, Multiscale)
    x = torch.zeros(2, 4, 20)
    x[0, 1, :15] = 1
    weights = model.attention_weights(x)
    assert weights.shape == (2, 6, 20)
    torch.testing.assert_close(weights[0].sum(-1), torch.ones(6))
    assert weights[0, :, 15:].abs().max() == 0
    assert weights[1].abs().max() == 0


def test_filters_by_width() -> None:
    """auto: most where binding sites' cores are; a number for all; or one for each."""
    assert MultiscaleSettings().filters_by_width == (64, 256, 16, 8)
    assert MultiscaleSettings(widths=(4, 5, 12, 13, 20, 21)).filters_by_width == (64, 256, 256, 16, 16, 8)
    assert MultiscaleSettings(filters=5, widths=(3, 9)).filters_by_width == (5, 5)
    model = build(MultiscaleSettings(filters=(5, 2), widths=(3, 9), heads=1), channels=4, length=30, outputs=2)
    assert [branch.conv.norm.num_features for branch in model.branches] == [5, 2]
    with pytest.raises(ValidationError, match="2 numbers for 4 widths"):
        MultiscaleSettings(filters=(1, 2))


def test_filters_are_silent_at_first() -> None:
    """At the start a filter answers at fewer than a quarter of the positions of random sequence."""
    model = build(MultiscaleSettings(dropout=0), channels=4, length=200, outputs=2).train()
    codes = torch.randint(4, (50, 200), generator=torch.Generator().manual_seed(1))
    x = torch.nn.functional.one_hot(codes, 4).float().transpose(1, 2).unsqueeze(2)
    for branch in model.branches:
        assert 0 < float((branch.conv(x, None) > 0).float().mean()) < 0.25
