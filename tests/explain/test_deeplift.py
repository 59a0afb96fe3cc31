"""DeepLIFT: closed forms, completeness of every rule and architecture, captum and tangermeme."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from strandloom.alphabet import DNA, Codes
from strandloom.data.shuffle import dinucleotide_shuffle
from strandloom.errors import UsageError
from strandloom.explain.attribution import Output, contributions
from strandloom.explain.deeplift import deeplift
from strandloom.explain.score import Explained
from strandloom.models import settings as s
from strandloom.models.build import build

LENGTH = 40


def random_codes(rows: int, length: int = LENGTH, seed: int = 0) -> Codes:
    return np.random.default_rng(seed).integers(0, 4, (rows, length)).astype(np.uint8)


def with_statistics(module: nn.Module) -> nn.Module:
    """Weights and running statistics away from where they start."""
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for part in module.modules():
            if isinstance(part, nn.modules.batchnorm._BatchNorm):
                part.running_mean.normal_(0, 0.3, generator=generator)
                part.running_var.uniform_(0.5, 1.5, generator=generator)
                part.weight.uniform_(0.5, 1.5, generator=generator)
                part.bias.normal_(0, 0.3, generator=generator)
    return module


def as_if_trained(module: nn.Module) -> nn.Module:
    """Weights three times as large: scores then differ by more than fp32 rounds them (the tutorial's start 0.001 apart at 0.17)."""
    for p in module.parameters():
        if p.ndim > 1:
            p.data *= 3
    return with_statistics(module)


def completeness(score: Explained, codes: Codes, *, copies: int = 5) -> float:
    """Largest miss of the sums, in the largest difference to explain."""
    found = deeplift(score, codes, references=dinucleotide_shuffle(codes, copies=copies, seed=1))
    assert found.baseline is not None
    promised = found.predicted - found.baseline
    return float(np.abs(contributions(codes, found.scores).sum(axis=1) - promised).max() / np.abs(promised).max())


conv = {"block": "conv", "filters": 12, "width": 5}
CHAINS = {
    "pooled": [conv, {"block": "norm"}, {"block": "activation"}, {"block": "pool", "size": 3, "stride": 2}, {"block": "flatten"},
               {"block": "dense", "units": 8}, {"block": "activation", "function": "gelu"}],
    "exponential": [conv, {"block": "activation", "function": "exp"}, {"block": "pool", "size": 4, "method": "average"},
                    {"block": "global_pool", "method": "max"}],
    "attention": [conv, {"block": "activation", "function": "silu"}, {"block": "norm", "method": "layer"},
                  {"block": "attention_pool", "heads": 2}, {"block": "dense", "units": 8}, {"block": "activation", "function": "tanh"}],
    "branches": [{"block": "parallel", "branches": [[conv], [{**conv, "width": 3}, {"block": "activation", "function": "softplus"}]]},
                 {"block": "residual", "blocks": [{"block": "norm", "method": "group", "groups": 4},
                                                  {"block": "activation", "function": "sigmoid"}]},
                 {"block": "global_pool", "method": "average"}],
}  # fmt: skip
ARCHITECTURES = {
    "residual": s.ResidualSettings(filters=16, channels=16, blocks=2, heads=2, dense=16),
    "multiscale": s.MultiscaleSettings(filters=8, widths=(3, 7), dense=(16,)),
    "tutorial": s.TutorialSettings(),
    **{name: s.LayersSettings.model_validate({"blocks": chain}) for name, chain in CHAINS.items()},
}


@pytest.mark.parametrize("strand", ["one", "both"])
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_contributions_sum_to_the_score_minus_the_mean_of_the_references(name: str, strand: str) -> None:
    modules = [as_if_trained(build(ARCHITECTURES[name], channels=4, length=LENGTH, outputs=3, seed=i)) for i in (1, 2)]
    score = Explained(modules, Output(1, "x"), strand=strand)  # type: ignore[arg-type]
    assert completeness(score, random_codes(4)) < 1e-4
    padded = random_codes(4, seed=1)
    padded[1:, 33:], padded[0, 20] = DNA.pad, DNA.any
    assert completeness(score, padded) < 1e-4


def test_what_has_no_rule_shows_in_the_sums() -> None:
    blocks = [conv, {"block": "bilstm", "units": 6}, {"block": "flatten"}]
    module = build(s.LayersSettings.model_validate({"blocks": blocks}), channels=4, length=LENGTH, outputs=1)
    for p in module.parameters():
        p.data *= 3
    assert completeness(Explained([module], Output(0, "x")), random_codes(4)) > 1e-3


class Wrapped(nn.Module):
    """A convolution, then any function from ``(B, 8, P)`` on, summed with weights that differ."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.filters = nn.Parameter(torch.randn(8, 4, 5, generator=torch.Generator().manual_seed(1)))
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        h = self.function(F.conv1d(x, self.filters)).flatten(1)
        return (h * torch.linspace(-1, 2, h.shape[1])).sum(dim=1, keepdim=True)


def halves(h: Tensor) -> tuple[Tensor, Tensor]:
    a, b = h.chunk(2, dim=1)
    return a, b


RULES: dict[str, Callable[[Tensor], Tensor]] = {
    "relu in place": lambda h: F.relu(h, inplace=True) + h,
    "relu_": lambda h: h.relu_() * 2 + h,
    "torch.relu": torch.relu,
    "leaky": lambda h: F.leaky_relu(h, 0.2),
    "prelu": lambda h: F.prelu(h, torch.linspace(-0.5, 0.5, 8)),
    "clamp": lambda h: h.clamp(min=-0.5, max=0.7),
    "square": lambda h: h**2,
    "power of a number": lambda h: 1.5**h,
    "product": lambda h: halves(h)[0] * halves(h)[1].sigmoid(),
    "product in place": lambda h: halves(h)[0].clone().mul_(halves(h)[1]),
    "product with itself": lambda h: h * h,
    "broadcast product": lambda h: h * h.mean(dim=1, keepdim=True),
    "quotient": lambda h: halves(h)[0] / (halves(h)[1].exp() + 1),
    "reciprocal": lambda h: 1 / (h.abs() + 1),
    "matmul": lambda h: h @ h.transpose(1, 2),
    "bmm": lambda h: torch.bmm(h, h.transpose(1, 2)),
    "einsum": lambda h: torch.einsum("bcl,bdl->bcd", h, h),
    "softmax": lambda h: h.softmax(dim=-1),
    "functional softmax": lambda h: F.softmax(h * 3, dim=1),
    "far softmax": lambda h: (h * 60).softmax(dim=-1),
    "glu": lambda h: F.glu(h, dim=1),
    "attention": lambda h: F.scaled_dot_product_attention(h, h.tanh(), h),
    "layer norm": lambda h: F.layer_norm(h, (h.shape[-1],)),
    "group norm": lambda h: F.group_norm(h, 2),
    "amax": lambda h: h.amax(dim=-1),
    "amax of two": lambda h: h.unsqueeze(2).amax(dim=(2, 3)),
    "amax of channels": lambda h: h.amax(dim=1, keepdim=True),
    "max": lambda h: h.max(dim=-1).values,
    "maximum": lambda h: torch.maximum(*halves(h)) + torch.minimum(*halves(h)) * 2,
    "max of two": lambda h: torch.max(*halves(h)),
    "max_pool1d": lambda h: F.max_pool1d(h, 3),
    "overlapping pool": lambda h: F.max_pool1d(h, 5, stride=2, padding=1, ceil_mode=True),
    "max_pool2d": lambda h: F.max_pool2d(h.unflatten(1, (2, 4)), (2, 3)),
    "pool with places": lambda h: F.max_pool1d(h, 3, return_indices=True)[0],
    "adaptive pool": lambda h: F.adaptive_max_pool1d(h, 1),
}


@pytest.mark.parametrize("name", RULES)
def test_every_rule_is_complete_and_leaves_the_score_as_it_is(name: str) -> None:
    score, codes = Explained([Wrapped(RULES[name])], Output(0, "x")), random_codes(3)
    assert completeness(score, codes, copies=3) < 1e-4
    found = deeplift(score, codes, references=codes[:, None])
    with torch.no_grad():
        plain = score(torch.from_numpy(DNA.one_hot(codes)))
    np.testing.assert_allclose(found.predicted, plain, rtol=1e-5, atol=1e-5)
    assert not contributions(codes, found.scores).any()  # against itself


def test_a_linear_model_has_its_weights_against_the_references() -> None:
    weight = torch.randn(4, LENGTH, generator=torch.Generator().manual_seed(1))

    class Linear(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return (x * weight).sum(dim=(1, 2))[:, None]

    codes = random_codes(3)
    references = dinucleotide_shuffle(codes, copies=4, seed=1)
    found = deeplift(Explained([Linear()], Output(0, "x")), codes, references=references)
    of_references = np.take_along_axis(weight.numpy().T[None, None], references[..., None].astype(int), 3)[..., 0]
    expected = weight.numpy()[None] - of_references.mean(axis=1)[:, None, :]
    np.testing.assert_allclose(found.scores, expected, atol=1e-5)


def test_the_maximum_of_two_shares_by_their_leads() -> None:
    class Larger(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.stack([3 * x[:, 0, 0], x[:, 1, 1]], dim=1).amax(dim=1, keepdim=True)

    # the sequence AA has (3, 0), the reference CC has (0, 1): A leads by 3, C by 1, so the path turns after a quarter
    aa, cc = np.zeros((1, 2), np.uint8), np.ones((1, 1, 2), np.uint8)
    found = deeplift(Explained([Larger()], Output(0, "x")), aa, references=cc)
    np.testing.assert_allclose(contributions(aa, found.scores), [[2.25, -0.25]])


def sequential(*, filters: int = 8) -> nn.Sequential:
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(5)
        module = nn.Sequential(
            nn.Conv1d(4, filters, 7, padding=3), nn.ReLU(), nn.BatchNorm1d(filters), nn.Conv1d(filters, filters, 5),
            nn.Tanh(), nn.AvgPool1d(3), nn.Flatten(), nn.Linear(filters * 12, 16), nn.Softplus(), nn.Linear(16, 1),
        )  # fmt: skip
    return with_statistics(module).eval()  # type: ignore[return-value]


def test_equals_tangermeme_on_a_plain_network() -> None:
    module = pytest.importorskip("tangermeme.deep_lift_shap")
    model, codes = sequential(), random_codes(4)
    references = dinucleotide_shuffle(codes, copies=6, seed=1)
    x, r = (torch.from_numpy(DNA.one_hot(c)) for c in (codes, references))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = module.deep_lift_shap(model, x, references=r, hypothetical=True, device="cpu")
    found = deeplift(Explained([model], Output(0, "x")), codes, references=references)
    np.testing.assert_allclose(found.scores, expected.numpy(), atol=1e-5)


def test_equals_captum_on_a_plain_network() -> None:
    captum = pytest.importorskip("captum.attr")
    model, codes = sequential(), random_codes(4)
    references = dinucleotide_shuffle(codes, copies=1, seed=1)
    x, r = (torch.from_numpy(DNA.one_hot(c)) for c in (codes, references[:, 0]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = captum.DeepLift(model).attribute(x, r, target=0).detach()  # multipliers times differences
    found = deeplift(Explained([model], Output(0, "x")), codes, references=references)
    np.testing.assert_allclose(contributions(codes, found.scores), expected.sum(dim=1).numpy(), atol=1e-5)


def test_batches_do_not_matter() -> None:
    module = with_statistics(build(ARCHITECTURES["residual"], channels=4, length=LENGTH, outputs=2, seed=1))
    score, codes = Explained([module], Output(1, "x")), random_codes(5)
    references = dinucleotide_shuffle(codes, copies=4, seed=1)
    whole = deeplift(score, codes, references=references)
    for batch_size in (1, 3, 5, 11):
        found = deeplift(score, codes, references=references, batch_size=batch_size)
        for a, b in zip(found, whole, strict=True):
            np.testing.assert_allclose(a, b, atol=2e-5)


def test_nothing_is_attributed_to_gaps_and_padding() -> None:
    codes = random_codes(3)
    codes[:, 30:], codes[:, 4] = DNA.pad, DNA.gap
    found = deeplift(
        Explained([sequential()], Output(0, "x")), codes, references=dinucleotide_shuffle(codes, copies=2, seed=1)
    )
    assert not found.scores[:, :, 30:].any()
    assert not found.scores[:, :, 4].any()
    assert found.scores[:, :, 5:30].any()


def test_bad_calls_and_no_sequences() -> None:
    score = Explained([sequential()], Output(0, "x"))
    with pytest.raises(UsageError, match="references"):
        deeplift(score, random_codes(2), references=np.zeros((2, 0, LENGTH), np.uint8))
    none = deeplift(score, random_codes(0), references=np.zeros((0, 2, LENGTH), np.uint8))
    assert none.scores.shape == (0, 4, LENGTH)
    with torch.no_grad():
        deeplift(score, random_codes(1), references=random_codes(1)[:, None])
