import torch

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
