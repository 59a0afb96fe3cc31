import numpy as np
import pytest
import torch
from torch import Tensor, nn

from strandloom.alphabet import DNA, Codes
from strandloom.explain.attribution import Output
from strandloom.explain.local import computable, local
from strandloom.explain.mutagenesis import computed_locally, mutagenesis
from strandloom.explain.score import Explained
from strandloom.models.build import build
from strandloom.models.residual import Residual
from strandloom.models.settings import ModelSettings, MultiscaleSettings, ResidualSettings, TutorialSettings

SMALL = ResidualSettings(filters=12, channels=8, blocks=3, dense=8)
NETWORKS: dict[str, tuple[ModelSettings, int]] = {
    "default shape": (SMALL, 120),
    "all dilations": (SMALL.model_copy(update={"blocks": 5}), 100),
    "short": (SMALL, 9),
    "one base": (SMALL, 1),
    "rest of a window": (SMALL.model_copy(update={"pool": 7}), 45),
    "not pooled": (SMALL.model_copy(update={"pool": 1}), 25),
    "one window": (SMALL.model_copy(update={"pool": 32}), 20),
    "position pooled": (SMALL.model_copy(update={"position": "pool", "pool": 3}), 61),
    "few bins": (SMALL.model_copy(update={"position_bins": 4}), 61),
    "no attention": (SMALL.model_copy(update={"heads": 0}), 40),
    "no blocks": (SMALL.model_copy(update={"blocks": 0}), 40),
    "even widths": (SMALL.model_copy(update={"width": 4, "dilations": (3, 1), "stem_widths": (2, 8)}), 50),
    "several stem widths": (SMALL.model_copy(update={"stem_widths": (3, 11, 6)}), 33),
    "far taps": (SMALL.model_copy(update={"pool": 1, "dilations": (40,)}), 30),
    "very far taps": (SMALL.model_copy(update={"dilations": (1, 4096, 2)}), 60),
    "multiscale": (MultiscaleSettings(filters=6, dense=(8,)), 70),
    "multiscale, short": (MultiscaleSettings(filters=6, widths=(4, 31), dense=(8, 8)), 11),
    "multiscale, defaults": (MultiscaleSettings(), 30),
}


class Opaque(nn.Module):
    """A network that is not known for what it is: computed from end to end."""

    def __init__(self, inside: nn.Module) -> None:
        super().__init__()
        self.inside = inside

    def forward(self, x: Tensor) -> Tensor:
        return self.inside(x)


def trained(settings: ModelSettings, length: int) -> nn.Module:
    """With statistics, weights and biases of norms that are not those of a fresh network."""
    model = build(settings, channels=4, length=length, outputs=3)
    generator = torch.Generator().manual_seed(length)
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d | nn.BatchNorm1d):
                assert module.running_mean is not None
                assert module.running_var is not None
                size = module.weight.shape
                module.running_mean.copy_(torch.randn(size, generator=generator) / 3)
                module.running_var.copy_(torch.rand(size, generator=generator) + 0.5)
                module.weight.copy_(torch.rand(size, generator=generator) * 2 - 0.5)
                module.bias.copy_(torch.randn(size, generator=generator) / 3)
    return model


def sequences(length: int, *, uneven: bool) -> Codes:
    codes = np.random.default_rng(length).integers(0, 4, (5, length), dtype=np.uint8)
    if uneven and length > 1:
        codes[0] = DNA.pad
        codes[1, -(-length // 2) :] = DNA.pad
        codes[2, length // 3] = DNA.any
        codes[3, length // 4] = DNA.gap
        codes[4, : length // 3] = DNA.pad
        codes[4, length - length // 4 :] = DNA.pad
    return codes


def assert_same(models: list[nn.Module], codes: Codes, *, strand: str = "one", batch_size: int = 40) -> None:
    """Effects computed where they are, and from end to end."""
    assert all(local(model.eval()) for model in models)
    output = Output(1, "x")
    quick = Explained(models, output, strand=strand)  # type: ignore[arg-type]
    plain = Explained([Opaque(model) for model in models], output, strand=strand)  # type: ignore[arg-type]
    found, expected = mutagenesis(quick, codes, batch_size=batch_size), mutagenesis(plain, codes)
    scale = np.abs(expected.effects).max()
    assert scale > 0
    rounding = 1e-6  # of raw scores around 1
    np.testing.assert_allclose(found.effects, expected.effects, atol=1e-5 * scale + rounding)
    np.testing.assert_allclose(found.predicted, expected.predicted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("uneven", [False, True])
@pytest.mark.parametrize("strand", ["one", "both"])
@pytest.mark.parametrize("name", NETWORKS)
def test_same_as_from_end_to_end(name: str, strand: str, uneven: bool) -> None:
    settings, length = NETWORKS[name]
    assert_same([trained(settings, length)], sequences(length, uneven=uneven), strand=strand)


def test_the_default_network() -> None:
    assert_same([trained(ResidualSettings(), 200)], sequences(200, uneven=True)[1:2])


def test_several_members_of_several_kinds() -> None:
    models = [
        trained(SMALL, 40),
        trained(SMALL.model_copy(update={"pool": 3}), 40),
        trained(MultiscaleSettings(filters=4), 40),
    ]
    assert_same(models, sequences(40, uneven=True), strand="both", batch_size=1)


@pytest.mark.parametrize("settings", [SMALL, MultiscaleSettings(filters=6)])
@pytest.mark.parametrize("factor", [-300, 300])
def test_attention_that_looks_at_one_position_only(settings: ModelSettings, factor: int) -> None:
    """The mutated position may hold all of the weight, or lose it."""
    model = trained(settings, 60)
    for name, weight in model.named_parameters():
        if "attention.score" in name:
            weight.data.mul_(factor)
    assert_same([model], sequences(60, uneven=True))


class Residual2(Residual):
    """May compute anything."""


def test_what_is_not_known_is_computed_from_end_to_end() -> None:
    hooked = trained(SMALL, 40).eval()
    handle = hooked.blocks[0].register_forward_hook(lambda _module, _inputs, output: output * 2)  # type: ignore[union-attr, index]
    others = [
        build(TutorialSettings(), channels=4, length=40, outputs=1),
        nn.Linear(2, 2),
        build(SMALL.model_copy(update={"pool": 33}), channels=4, length=40, outputs=1),
        Residual2(SMALL, channels=4, length=40, outputs=1),
        hooked,
    ]
    for network in others:
        assert not computable(network)
        assert local(network) is None
    handle.remove()
    assert computable(hooked)
    assert local(hooked) is not None


def test_members_are_computed_locally_all_or_none() -> None:
    known = [trained(SMALL, 40), trained(MultiscaleSettings(filters=4), 40)]
    assert computed_locally(known)
    assert computed_locally(known, device=torch.device("cpu"))
    assert not computed_locally(known, device="cuda")
    assert not computed_locally([*known, Opaque(known[0])])
