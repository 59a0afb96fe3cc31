from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from strandloom.alphabet import DNA, Codes
from strandloom.errors import UsageError
from strandloom.explain.attribution import Check, Output
from strandloom.explain.mutagenesis import BLOCK, Mutants, mutagenesis, mutant_blocks, mutation_map
from strandloom.explain.score import Explained
from strandloom.models.build import build
from strandloom.models.settings import LayersSettings, ResidualSettings

LENGTH = 20


class Linear(nn.Module):
    def __init__(self, length: int, *, outputs: int = 1) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(4)
        self.weight = nn.Parameter(torch.randn(outputs, 4, length, generator=generator))

    def forward(self, x: Tensor) -> Tensor:
        return torch.einsum("bcl,kcl->bk", x, self.weight)


class Steps(nn.Module):
    """Without gradients: how often C follows A, by way of numpy."""

    def forward(self, x: Tensor) -> Tensor:
        rows = x.numpy() == 1
        return torch.from_numpy((rows[:, 0, :-1] & rows[:, 1, 1:]).sum(axis=1).astype(np.float32))[:, None]


class Counted(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.rows: list[int] = []

    def forward(self, x: Tensor) -> Tensor:
        self.rows.append(len(x))
        return x.sum(dim=(1, 2))[:, None]


def layers() -> nn.Module:
    blocks = [
        {"block": "conv", "filters": 6, "width": 5},
        {"block": "activation", "function": "gelu"},
        {"block": "global_pool"},
    ]
    return build(LayersSettings.model_validate({"blocks": blocks}), channels=4, length=LENGTH, outputs=3)


def residual() -> nn.Module:
    return build(ResidualSettings(filters=8, channels=6, blocks=2, dense=8), channels=4, length=LENGTH, outputs=3)


def bases(rows: int, length: int = LENGTH) -> Codes:
    return np.random.default_rng(rows).integers(0, 4, (rows, length), dtype=np.uint8)


def uneven() -> Codes:
    codes = bases(6)
    codes[1, 13:] = DNA.pad
    codes[2, :3] = codes[2, 18:] = DNA.pad
    codes[3, 7] = DNA.gap
    codes[4, [2, 9]] = DNA.any, DNA.letters.index("R")
    codes[5] = DNA.pad
    return codes


def explained(module: nn.Module, **how: str) -> Explained:
    return Explained([module], Output(0, "x"), **how)  # type: ignore[arg-type]


def one_by_one(score: Explained, codes: Codes) -> NDArray[np.float32]:
    """The slow twin."""

    def scored(row: Codes) -> float:
        return float(score(torch.from_numpy(DNA.one_hot(row[None])))[0])

    effects = np.zeros((len(codes), 4, codes.shape[1]), np.float32)
    with torch.inference_mode():
        for n, row in enumerate(codes):
            for position in range(len(row)):
                for base in range(4):
                    if row[position] in (base, DNA.gap, DNA.pad):
                        continue
                    changed = row.copy()
                    changed[position] = base
                    effects[n, base, position] = scored(changed) - scored(row)
    return effects


@pytest.mark.parametrize("make", [layers, residual, Steps])
@pytest.mark.parametrize("strand", ["one", "both"])
def test_every_substitution_is_what_scoring_it_alone_gives(make: Callable[[], nn.Module], strand: str) -> None:
    score = explained(make(), strand=strand)
    found = mutagenesis(score, uneven())
    assert found.effects.dtype == found.predicted.dtype == np.float32
    np.testing.assert_allclose(found.effects, one_by_one(score, uneven()), atol=1e-6)
    with torch.inference_mode():
        expected = score(torch.from_numpy(DNA.one_hot(uneven())))
    np.testing.assert_allclose(found.predicted, expected.numpy(), atol=1e-6)


def test_a_linear_network_gives_the_differences_of_its_weights() -> None:
    model = Linear(LENGTH)
    codes = bases(3)
    weight = model.weight.detach().numpy()[0]  # (4, L)
    own = np.take_along_axis(weight, codes.astype(np.int64), axis=0)  # (N, L)
    found = mutagenesis(explained(model), codes)
    np.testing.assert_allclose(found.effects, weight[None] - own[:, None], atol=1e-5)
    scores = mutation_map(explained(model), codes).scores
    np.testing.assert_allclose(scores, np.broadcast_to(weight - weight.mean(axis=0), scores.shape), atol=1e-5)


@pytest.mark.parametrize("make", [layers, residual])
@pytest.mark.parametrize("batch_size", [1, 7, 64])
def test_the_batch_size_changes_nothing(make: Callable[[], nn.Module], batch_size: int) -> None:
    score = explained(make(), strand="both")
    expected = mutagenesis(score, uneven())
    found = mutagenesis(score, uneven(), batch_size=batch_size)
    np.testing.assert_allclose(found.effects, expected.effects, atol=1e-6)
    np.testing.assert_allclose(found.predicted, expected.predicted, atol=1e-6)


@pytest.mark.parametrize("make", [layers, residual])
def test_sequences_do_not_depend_on_each_other(make: Callable[[], nn.Module]) -> None:
    score = explained(make())
    together = mutagenesis(score, uneven())
    for n in range(len(uneven())):
        alone = mutagenesis(score, uneven()[n : n + 1])
        np.testing.assert_allclose(alone.effects[0], together.effects[n], atol=1e-6)


@pytest.mark.parametrize("make", [layers, residual])
def test_both_strands_answer_alike(make: Callable[[], nn.Module]) -> None:
    score = explained(make(), strand="both")
    codes = bases(4)
    forward = mutagenesis(score, codes).effects
    reverse = mutagenesis(score, DNA.reverse_complement(codes)).effects
    np.testing.assert_allclose(reverse[:, ::-1, ::-1], forward, atol=1e-6)


def test_nothing_is_tried_at_padding_and_gaps_and_all_bases_at_ambiguity_codes() -> None:
    codes = uneven()
    effects = mutagenesis(explained(Linear(LENGTH)), codes).effects
    changed = (effects != 0).sum(axis=1)  # (N, L)
    assert (changed[codes < 4] == 3).all()
    assert (changed[(codes >= 4) & (codes < DNA.gap)] == 4).all()
    assert (changed[codes >= DNA.gap] == 0).all()


def test_identity_edits_are_skipped_and_batches_are_full() -> None:
    model = Counted()
    mutagenesis(explained(model), bases(2), batch_size=50)
    assert model.rows == [2, 50, 50, 20]


def test_blocks_are_made_as_they_are_asked_for() -> None:
    model = Counted()
    codes = bases(2 * BLOCK + 3, length=5)
    blocks: Iterator[Mutants] = mutant_blocks(explained(model), codes, batch_size=1000)
    assert not model.rows
    first = next(blocks)
    assert len(first) == BLOCK
    assert sum(model.rows) == BLOCK * (1 + 3 * 5)
    rest = list(blocks)
    assert [len(block) for block in rest] == [BLOCK, 3]
    whole = mutagenesis(explained(Counted()), codes)
    np.testing.assert_array_equal(np.concatenate([block.effects for block in [first, *rest]]), whole.effects)
    np.testing.assert_array_equal(np.concatenate([block.codes for block in [first, *rest]]), codes)


def test_the_map_is_centred_and_its_contributions_are_minus_the_mean_effect() -> None:
    score = explained(residual())
    codes = uneven()
    found, made = mutagenesis(score, codes), mutation_map(score, codes)
    assert made.method == "mutagenesis"
    assert made.check == Check()
    assert made.output == score.output
    np.testing.assert_array_equal(made.predicted, found.predicted)
    np.testing.assert_allclose(made.scores.mean(axis=1), 0, atol=1e-7)
    plain = codes < 4
    np.testing.assert_allclose(made.contributions[plain], -found.effects.mean(axis=1)[plain], atol=1e-7)
    assert (made.scores.transpose(0, 2, 1)[codes >= DNA.gap] == 0).all()
    np.testing.assert_allclose(
        made.effects.transpose(0, 2, 1)[plain], found.effects.transpose(0, 2, 1)[plain], atol=1e-7
    )


def test_progress_counts_the_sequences_done() -> None:
    seen: list[int] = []
    mutagenesis(explained(Linear(4)), bases(BLOCK + 2, length=4), progress=seen.append)
    assert seen == [BLOCK, BLOCK + 2]


def test_no_sequences_give_no_effects() -> None:
    found = mutagenesis(explained(Linear(4)), np.zeros((0, 4), np.uint8))
    assert found.effects.shape == (0, 4, 4)
    assert found.predicted.shape == (0,)
    assert len(found) == 0


@pytest.mark.parametrize(
    ("codes", "batch_size", "said"),
    [
        (np.zeros(4, np.uint8), 1, r"uint8 \(N, L\)"),
        (np.zeros((1, 4), np.int64), 1, r"uint8 \(N, L\)"),
        (bases(1, length=4), 0, "batch_size must be at least 1"),
    ],
)
def test_what_cannot_be_done_is_said(codes: Codes, batch_size: int, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        mutagenesis(explained(Linear(4)), codes, batch_size=batch_size)


@pytest.mark.parametrize("make", [layers, residual])
def test_an_output_that_is_not_there_is_said(make: Callable[[], nn.Module]) -> None:
    with pytest.raises(UsageError, match="outputs 0 to 2, not 3"):
        mutagenesis(Explained([make()], Output(3, "x")), bases(1))
