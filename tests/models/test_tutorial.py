import pytest
import torch

from strandloom.models.build import build, parameter_count
from strandloom.models.settings import TutorialSettings
from strandloom.models.tutorial import Tutorial, TutorialBranch


@pytest.mark.parametrize(("outputs", "trainable", "total"), [(1, 113_413, 114_693), (2, 113_542, 114_822)])
def test_counts(outputs: int, trainable: int, total: int) -> None:
    model = build(TutorialSettings(), channels=4, length=200, outputs=outputs)
    assert parameter_count(model) == (trainable, total)


def test_its_attention_is_nearly_uniform() -> None:
    """The published fault: no weight can exceed e² times another."""
    model = build(TutorialSettings(), channels=4, length=200, outputs=1)
    assert isinstance(model, Tutorial)
    branch = model.branches[0]
    assert isinstance(branch, TutorialBranch)
    h = 100 * torch.randn(8, 64, 200, generator=torch.Generator().manual_seed(0))
    weights = torch.tanh(branch.score(h)).softmax(dim=-1)
    assert (weights.amax(-1) / weights.amin(-1)).max() <= torch.e**2 * 1.0001


def test_attention_is_nearly_flat():
    x = torch.zeros(3, 4, 200)
    x[:, torch.randint(0, 4, (200,)), torch.arange(200)] = 1
    weights = Tutorial(channels=4, outputs=1).eval().attention_weights(x)
    assert weights.shape == (3, 4, 200)
    assert torch.allclose(weights.sum(dim=-1), torch.ones(3, 4), atol=1e-5)
    assert weights.max() / weights.min() < 7.4  # e², whatever the weights of the network
