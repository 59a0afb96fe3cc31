"""One step against gradient descent written out, and what it must not depend on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from strandloom.alphabet import DNA
from strandloom.training.arrays import Arrays
from strandloom.training.onehot import one_hot, one_hot_table, reverse_complement
from strandloom.training.settings import Strand, TrainingSettings
from strandloom.training.step import Stepper
from strandloom.training.task import TaskHead

WIDTH, ROWS = 12, 20
CPU = torch.device("cpu")
SGD = {"kind": "sgd", "momentum": 0.0, "weight_decay": 0.0}
ALL = torch.arange(ROWS)


def linear() -> nn.Module:
    """Float (B, 4, L) to (B, 2), the same weights each time."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        return nn.Sequential(nn.Flatten(), nn.Linear(4 * WIDTH, 2))


def some_rows(weights: Tensor | None = None) -> Arrays:
    generator = torch.Generator().manual_seed(1)
    codes = torch.randint(0, 4, (ROWS, WIDTH), generator=generator, dtype=torch.uint8)
    targets = torch.randint(0, 2, (ROWS,), generator=generator)
    return Arrays(codes, torch.full((ROWS,), WIDTH, dtype=torch.int32), targets, weights)


def make_stepper(
    model: nn.Module | None = None,
    train: Arrays | None = None,
    *,
    task: TaskHead | None = None,
    strand: Strand = "one",
    precision: Any = "fp32",
    **changes: Any,
) -> Stepper:
    """Plain gradient descent: no momentum, decay, clipping, averaging or augmentation unless asked for."""
    plain: dict[str, Any] = {
        "optimizer": SGD,
        "gradient_clip": None,
        "average": None,
        "augmentation": {"shift": 0},
    }
    return Stepper(
        model or linear(),
        train or some_rows(),
        settings=TrainingSettings.model_validate(plain | changes),
        task=task or TaskHead("classes", 2),
        strand=strand,
        device=CPU,
        precision=precision,
    )


def take_step(stepper: Stepper, rows: Tensor = ALL, *, epoch: int = 1, step: int = 0, rate: float = 0.5) -> Tensor:
    return stepper.step(rows, epoch=epoch, step=step, number=step, rate=rate)


def weights_of(stepper: Stepper) -> Tensor:
    """All trained weights in one row, a copy."""
    return nn.utils.parameters_to_vector(stepper.model.parameters()).detach().clone()


def inputs_of(train: Arrays) -> Tensor:
    return one_hot(train.codes, one_hot_table())


def gradient(train: Arrays, rows: Tensor, **cross_entropy: Any) -> Tensor:
    """Of the mean loss of the rows at the first weights of :func:`linear`."""
    model = linear()
    part = train.take(rows)
    functional.cross_entropy(model(inputs_of(part)), part.targets, **cross_entropy).backward()
    return nn.utils.parameters_to_vector([x.grad for x in model.parameters() if x.grad is not None])


def test_a_step_is_gradient_descent_at_the_rate_given() -> None:
    """Twice in a row: gradients do not add up. The rate of the settings is not used."""
    stepper, train = make_stepper(), some_rows()
    rows = torch.tensor([4, 0, 11])
    start = weights_of(stepper)
    expected_loss = functional.cross_entropy(linear()(inputs_of(train)[rows]), train.targets[rows], reduction="sum")
    take_step(stepper, ALL, rate=0.0)
    assert torch.equal(weights_of(stepper), start)
    loss = take_step(stepper, rows, step=1, rate=0.25)
    torch.testing.assert_close(weights_of(stepper), start - 0.25 * gradient(train, rows))
    torch.testing.assert_close(loss, expected_loss.detach())


def test_the_loss_is_a_detached_scalar() -> None:
    loss = take_step(make_stepper())
    assert loss.shape == ()
    assert not loss.requires_grad


def test_the_order_of_the_rows_does_not_matter() -> None:
    one, other = make_stepper(), make_stepper()
    torch.testing.assert_close(take_step(one, ALL), take_step(other, ALL.flip(0)))
    torch.testing.assert_close(weights_of(one), weights_of(other))


@pytest.mark.parametrize("kind", ["adamw", "sgd"])
def test_at_rate_zero_nothing_moves(kind: str) -> None:
    stepper = make_stepper(optimizer={"kind": kind, "weight_decay": 0.5})
    before = weights_of(stepper)
    take_step(stepper, rate=0.0)
    assert torch.equal(weights_of(stepper), before)


def test_the_whole_gradient_is_clipped_to_its_length() -> None:
    stepper, train = make_stepper(gradient_clip=1e-3), some_rows()
    before, whole = weights_of(stepper), gradient(train, ALL)
    take_step(stepper, rate=2.0)
    torch.testing.assert_close(before - weights_of(stepper), 2.0 * 1e-3 * whole / whole.norm(), rtol=1e-3, atol=1e-7)
    loose = make_stepper(gradient_clip=1e3)
    take_step(loose, rate=2.0)
    torch.testing.assert_close(before - weights_of(loose), 2.0 * whole)


def test_frozen_weights_stay() -> None:
    model = linear()
    next(model.parameters()).requires_grad_(False)
    stepper = make_stepper(model)
    before = weights_of(stepper)
    take_step(stepper)
    moved = weights_of(stepper) != before
    assert not moved[:-2].any()
    assert moved[-2:].all()  # the two biases


# ------------------------------------------------------------------------------------------------ weights and smoothing


def test_only_the_ratio_of_row_weights_matters() -> None:
    weights = torch.linspace(0.5, 3, ROWS)
    one, other = (make_stepper(train=some_rows(x)) for x in (weights, 4 * weights))
    assert torch.equal(take_step(one), take_step(other))
    assert torch.equal(weights_of(one), weights_of(other))
    even, none = make_stepper(train=some_rows(torch.full((ROWS,), 7.0))), make_stepper()
    torch.testing.assert_close(take_step(even), take_step(none))
    torch.testing.assert_close(weights_of(even), weights_of(none))


def test_row_weights_are_relative_to_all_training_rows_not_to_the_batch() -> None:
    """A batch of heavy rows takes a longer step: weights 1 and 3 in equal numbers make those of 3 count 1.5-fold."""
    weights = torch.where(ALL < ROWS // 2, 1.0, 3.0)
    rows = ALL[ROWS // 2 :]
    heavy, none = make_stepper(train=some_rows(weights)), make_stepper()
    start = weights_of(heavy)
    torch.testing.assert_close(take_step(heavy, rows), 1.5 * take_step(none, rows))
    torch.testing.assert_close(weights_of(heavy) - start, 1.5 * (weights_of(none) - start), rtol=1e-4, atol=1e-7)


def test_a_row_of_weight_zero_teaches_nothing() -> None:
    weights = torch.ones(ROWS)
    weights[5] = 0
    train = some_rows(weights)
    turned = train.targets.clone()
    turned[5] = 1 - turned[5]
    one, other = make_stepper(train=train), make_stepper(train=replace(train, targets=turned))
    assert torch.equal(take_step(one), take_step(other))
    assert torch.equal(weights_of(one), weights_of(other))


def test_training_smooths_the_labels() -> None:
    stepper, train = make_stepper(task=TaskHead("classes", 2, label_smoothing=0.2)), some_rows()
    before = weights_of(stepper)
    take_step(stepper, rate=1.0)
    torch.testing.assert_close(before - weights_of(stepper), gradient(train, ALL, label_smoothing=0.2))


# ---------------------------------------------------------------------------------------------------------- augmentation


class Seen(nn.Module):
    """Keeps what it was given, float (B, 4, L)."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))
        self.inputs = torch.empty(0)

    def forward(self, x: Tensor) -> Tensor:
        self.inputs = x.detach()
        return self.scale * x[:, :2].mean(2)


def seen(train: Arrays, *, strand: Strand, step: int = 0, epoch: int = 1, **changes: Any) -> Tensor:
    model = Seen()
    take_step(make_stepper(model, train, strand=strand, **changes), step=step, epoch=epoch)
    return model.inputs


def test_without_augmentation_the_rows_arrive_as_they_are() -> None:
    train = some_rows()
    train.codes[0, 3] = DNA.any
    assert torch.equal(seen(train, strand="one"), inputs_of(train))


@pytest.mark.parametrize("anchor", ["left", "right", "centre"])
def test_both_strands_of_short_rows_stay_at_their_anchor(anchor: str) -> None:
    train = some_rows()
    lengths = torch.full((ROWS,), 7, dtype=torch.int32)
    edge = {"left": 0, "right": WIDTH - 7, "centre": (WIDTH - 7) // 2}[anchor]
    codes = torch.full_like(train.codes, DNA.pad)
    codes[:, edge : edge + 7] = train.codes[:, :7]
    train = replace(train, codes=codes, lengths=lengths, anchor=anchor)
    turned = replace(train, codes=reverse_complement(codes, lengths, anchor))
    found = seen(train, strand="both")
    kept, other = ((found == inputs_of(x)).all(2).all(1) for x in (train, turned))
    assert (kept | other).all()
    assert kept.any()
    assert other.any()
    assert not found[:, :, :edge].any()


def test_augmentation_is_seeded_by_its_place_alone() -> None:
    """Seed, epoch and step; not by what was drawn before, and nothing is taken from torch's own generator."""
    train = some_rows()
    change: dict[str, Any] = {"augmentation": {"shift": 3, "mutation": 0.2}}
    before = torch.get_rng_state()
    first = seen(train, strand="both", epoch=2, step=5, **change)
    torch.rand(3)
    assert torch.equal(seen(train, strand="both", epoch=2, step=5, **change), first)
    for epoch, step, seed in ((3, 5, 1), (2, 6, 1), (2, 5, 9)):
        assert not torch.equal(seen(train, strand="both", epoch=epoch, step=step, seed=seed, **change), first)
    torch.set_rng_state(before)
    seen(train, strand="both", **change)
    assert torch.equal(torch.get_rng_state(), before)


def test_an_undecided_shift_is_none() -> None:
    train = some_rows()
    assert torch.equal(seen(train, strand="one", augmentation={"shift": "auto"}), inputs_of(train))


# ------------------------------------------------------------------------------------------ average, precision, divergence


def test_the_average_follows_the_weights() -> None:
    """The decay of the first step is 1/10, however slow the average is later."""
    stepper = make_stepper(average=0.99)
    start = weights_of(stepper)
    take_step(stepper)
    found = nn.utils.parameters_to_vector(stepper.average.model.parameters())
    torch.testing.assert_close(found, 0.1 * start + 0.9 * weights_of(stepper))
    plain = make_stepper(average=None)
    assert plain.average.model is plain.model


def test_bf16_computes_in_16_bits_and_keeps_the_weights_in_32() -> None:
    half, full = make_stepper(precision="bf16"), make_stepper()
    found, expected = take_step(half), take_step(full)
    assert found.dtype == weights_of(half).dtype == torch.float32
    assert not torch.equal(found, expected)
    torch.testing.assert_close(found, expected, rtol=0.02, atol=0)
    torch.testing.assert_close(weights_of(half), weights_of(full), rtol=0.02, atol=0.01)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_noticed(value: float) -> None:
    """In the model, and in the average alone (there also in a batch-norm statistic)."""
    for average in (None, 0.9):
        stepper = make_stepper(average=average)
        take_step(stepper)
        assert stepper.weights_finite()
        with torch.no_grad():
            next(stepper.model.parameters()).view(-1)[0] = value
        assert not stepper.weights_finite()
    model = nn.Sequential(nn.BatchNorm1d(4), nn.Flatten(), nn.Linear(4 * WIDTH, 2))
    stepper = make_stepper(model, average=0.9)
    assert stepper.weights_finite()
    stepper.average.state()["0.running_mean"][0] = value
    assert not stepper.weights_finite()
