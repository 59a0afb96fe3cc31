"""An encoder that learns without labels and a forest on its values: parts against plain twins, and the whole from table to answers."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from sklearn.ensemble import ExtraTreesRegressor, RandomForestRegressor

from strandloom.alphabet import DNA
from strandloom.bundle import read_bundle, write_bundle
from strandloom.errors import BundleError, DivergedError, SettingsError, TrainingError, UsageError
from strandloom.experiment import check_experiment
from strandloom.predict import load
from strandloom.settings_file import check_settings
from strandloom.workflows.encoding.apply import apply_encoding
from strandloom.workflows.encoding.boosting import boost
from strandloom.workflows.encoding.fit import Encoding, fit_encoding, improved, moved_where_better
from strandloom.workflows.encoding.forest import Forest, grow_best
from strandloom.workflows.encoding.learn import encode, guessing, learn_encoder, linear_ceiling
from strandloom.workflows.encoding.model import load_encoding, move
from strandloom.workflows.encoding.network import Encoder
from strandloom.workflows.encoding.pretext import altered, ask, hidden_places
from strandloom.workflows.encoding.settings import OBJECTIVES, EncoderSettings, EncodingSettings, ForestSettings

SMALL: dict[str, Any] = {
    "objective": "masked",
    "values": 40,
    "segments": 2,
    "filters": 16,
    "width": 5,
    "channels": 16,
    "blocks": 1,
    "epochs": 2,
    "batch_size": 16,
}
LENGTH = 41


def sequences(rows: int, seed: int) -> np.ndarray:
    """Codes of period four, begun anywhere, with a fifth of the bases at random."""
    generator = np.random.default_rng(seed)
    codes = (np.arange(LENGTH) + generator.integers(0, 4, (rows, 1))) % 4
    noise = generator.random((rows, LENGTH)) < 0.2
    return np.where(noise, generator.integers(0, 4, (rows, LENGTH)), codes).astype(np.uint8)


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("stem", ["1d", "2d"])
def test_shapes_and_the_number_of_values(objective: Any, stem: Any) -> None:
    settings = EncoderSettings(**{**SMALL, "objective": objective}, stem=stem)
    encoder = Encoder(settings, length=LENGTH)
    x = torch.nn.functional.one_hot(torch.from_numpy(sequences(3, 1).astype(np.int64)), 4).transpose(1, 2).float()
    found = encoder.encode(x)
    assert found.values.shape == (3, 40)
    assert found.code.shape[1] == 10
    if objective == "contrastive":
        assert encoder.projected(found).norm(dim=1).tolist() == pytest.approx([1.0] * 3, abs=1e-5)
    else:
        assert encoder.bases(found).shape == (3, 4, LENGTH)
    with pytest.raises(ValueError, match="no multiple of twice the segments"):
        EncoderSettings(values=41, segments=2)


def test_hidden_bases_come_in_spans_of_about_the_share() -> None:
    found = hidden_places((200, 500), share=0.15, span=5, generator=torch.Generator().manual_seed(1))
    assert float(found.float().mean()) == pytest.approx(0.14, abs=0.02)
    edges = (found[:, 1:] != found[:, :-1]).sum()
    assert int(edges) < 0.45 * int(found.sum())


def test_hidden_bases_are_not_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = Encoder(EncoderSettings(**SMALL), length=LENGTH)
    seen: list[torch.Tensor] = []
    plain = Encoder.encode
    monkeypatch.setattr(Encoder, "encode", lambda self, x: seen.append(x) or plain(self, x))
    codes = torch.from_numpy(sequences(8, 1))
    found = ask(encoder, codes, generator=torch.Generator().manual_seed(3))
    hidden = hidden_places((8, LENGTH), share=0.15, span=6, generator=torch.Generator().manual_seed(3))
    assert (seen[0].sum(1) == 0)[hidden].all()
    assert (seen[0].sum(1) == 1)[~hidden].all()
    assert found.asked == int(hidden.sum())


def test_copies_hold_the_same_bases_in_either_direction() -> None:
    settings = EncoderSettings(**{**SMALL, "hidden": 0.001, "span": 6, "moved": 0.1, "objective": "contrastive"})
    encoder = Encoder(settings, length=LENGTH)
    codes = torch.from_numpy(sequences(40, 1))
    copies = altered(codes, encoder, torch.Generator().manual_seed(1)).numpy()
    matched = 0
    for given, copy in zip(codes.numpy(), copies, strict=True):
        inside = DNA.decode(copy[copy != DNA.pad])
        both = (DNA.decode(given), DNA.decode(DNA.reverse_complement(given[None])[0]))
        matched += any(inside in text for text in both)
        assert len(inside) >= LENGTH - 4
    assert matched >= 36


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_every_objective_learns_and_is_the_same_again(objective: Any) -> None:
    settings = EncoderSettings(**{**SMALL, "epochs": 8, "learning_rate": 5e-3, "objective": objective})
    encoder, learned = learn_encoder(sequences(320, 1), sequences(64, 2), settings=settings)
    assert learned.loss < learned.chance
    assert learned.losses[learned.best_epoch - 1] == learned.loss == min(learned.losses)
    if objective == "masked":
        assert learned.composition is not None
        assert learned.accuracy > learned.composition
    again, _ = learn_encoder(sequences(320, 1), sequences(64, 2), settings=settings)
    codes = sequences(5, 3)
    assert (encode(encoder, codes) == encode(again, codes)).all()
    turned = encode(encoder, DNA.reverse_complement(codes), both=True)
    assert encode(encoder, codes, both=True) == pytest.approx(turned, abs=1e-5)


def test_guessing_is_the_entropy_of_the_bases() -> None:
    held = torch.tensor([[0, 0, 0, 1]], dtype=torch.uint8)
    loss, share = guessing(held, EncoderSettings(**SMALL))
    assert loss == pytest.approx(-(0.75 * math.log(0.75) + 0.25 * math.log(0.25)))
    assert share == 0.75
    assert guessing(held, EncoderSettings(**{**SMALL, "objective": "contrastive"}))[1] is None


def test_the_linear_ceiling_is_whole_with_as_many_values_as_bases() -> None:
    codes = sequences(400, 1)
    assert linear_ceiling(codes, codes[:50], values=4 * LENGTH) == 1.0
    assert linear_ceiling(codes, sequences(50, 2), values=8) == pytest.approx(
        0.85, abs=0.03
    )  # the pattern, without the noise


def test_divergence_and_too_few_sequences_are_said() -> None:
    wild = EncoderSettings(**{**SMALL, "learning_rate": 1.0, "epochs": 40, "objective": "denoise"})
    with pytest.raises(DivergedError, match=r"diverged in epoch \d+: validation loss"):
        learn_encoder(sequences(64, 1) * 0 + 3, sequences(64, 2), settings=wild)
    with pytest.raises(TrainingError, match="5 sequences to learn from"):
        learn_encoder(sequences(5, 1), sequences(5, 2), settings=EncoderSettings(**SMALL))


@pytest.mark.parametrize("kind", ["random", "extra"])
def test_a_forest_in_arrays_answers_as_that_of_scikit_learn(kind: Any) -> None:
    generator = np.random.default_rng(1)
    x = generator.normal(size=(300, 7)).astype(np.float32)
    y = np.column_stack([x[:, 0] > 0, x[:, 1] + x[:, 2] > 0.5]).astype(float)
    settings = ForestSettings(kind=kind, trees=13, leaf=(4,), share=0.5)
    found = Forest.grow(x, y, settings=settings, least=4)
    peer = (RandomForestRegressor if kind == "random" else ExtraTreesRegressor)(
        13, max_features=0.5, min_samples_leaf=4, bootstrap=True, random_state=1
    ).fit(x, y)
    new = generator.normal(size=(50, 7)).astype(np.float32)
    assert found.predict(new) == pytest.approx(peer.predict(new), abs=2e-3)
    again = Forest.from_state(found.state())
    assert (again.predict(new) == found.predict(new)).all()
    grown = grow_best(x, y, new, peer.predict(new), settings=ForestSettings(kind=kind, trees=5, leaf=(2, 100)))
    assert grown.forest.least == 2
    assert set(grown.losses) == {2, 100}


def test_forests_answer_the_same_on_any_number_of_threads_and_leave_those_of_torch() -> None:
    generator = np.random.default_rng(1)
    x, y = generator.normal(size=(203, 6)), generator.random((203, 3)) < 0.3
    forest = Forest.grow(x, y.astype(float), settings=ForestSettings(kind="random", trees=5), least=5)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        one, three, many = (forest.predict(x[:n], threads=threads) for n, threads in ((203, 1), (203, 3), (2, 5)))
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)
    assert one.tolist() == three.tolist()
    assert one[:2].tolist() == many.tolist()


@pytest.mark.parametrize("logistic", [True, False])
def test_boosted_trees_learn_what_is_left_and_stop_where_validation_says(logistic: bool) -> None:
    generator = np.random.default_rng(1)
    x, new = (generator.normal(size=(n, 7)).astype(np.float32) for n in (2000, 800))

    def truth(rows: Any) -> Any:
        first, second = rows[:, 0] * rows[:, 1], rows[:, 2] + 0.5 * rows[:, 3]
        return (
            np.column_stack([first > 0, second > 0.5]).astype(float) if logistic else np.column_stack([first, second])
        )

    y, y_new = truth(x), truth(new)
    settings = ForestSettings(trees=150, leaf=(10,), share=0.6)
    forest = grow_best(x, y, new, y_new, settings=settings, logistic=logistic).forest
    found = forest.predict(new)
    if logistic:
        assert ((found > 0.5) == y_new).mean() > 0.85
        assert ((found > 0) & (found < 1)).all()
        assert np.log(found).mean() < 0
    else:
        assert 1 - ((found - y_new) ** 2).mean() / y_new.var() > 0.7
    again = Forest.from_state(forest.state())
    assert (again.predict(new) == found).all()
    one = boost(x, y, new, y_new, settings=settings.model_copy(update={"repeats": 1}), least=10, logistic=logistic)
    assert (
        forest.feature[: len(one.feature)] == one.feature
    ).all()  # the first of three runs, each with a third of the say
    assert 3 * forest.values[: len(one.values)] == pytest.approx(one.values, rel=1e-5)
    noise = generator.integers(0, 2, y.shape).astype(float)
    shuffled = grow_best(x, noise, new, generator.integers(0, 2, y_new.shape).astype(float), settings=settings).forest
    assert len(shuffled.roots) < 40  # nothing to learn: validation ends it


def table(path: Path, *, rows: int = 260, seed: int = 1) -> Path:
    """Labels by planted words, a class, a value."""
    generator = np.random.default_rng(seed)
    lines = ["id,sequence,split,labels,kind,y"]
    for i in range(rows):
        letters = list("".join(generator.choice(list("ACGT"), 60)))
        has = [name for name, word in (("gc", "GGGCGGGGC"), ("at", "TATAAAATA")) if generator.random() < 0.5]
        for name, word, at in (("gc", "GGGCGGGGC", 8), ("at", "TATAAAATA", 40)):
            if name in has:
                letters[at : at + 9] = word
        part = ("train", "train", "train", "validation", "test")[i % 5]
        lines.append(
            f'r{i},{"".join(letters)},{part},"{",".join(has)}",{"x" if "gc" in has else "z"},{len(has) * 2 + generator.normal() * 0.1:.3f}'
        )
    path.write_text("\n".join(lines) + "\n")
    return path


SETTINGS = check_settings(
    EncodingSettings,
    {
        "encoder": {**SMALL, "values": 80, "epochs": 3, "learning_rate": 5e-3},
        "forest": {"trees": 30, "leaf": [3], "share": 0.3},
    },
    where="test",
)


def experiment(path: Path, task: str, target: str) -> Any:
    return check_experiment(
        {
            "data": {"table": str(path), "target": target, "strand": "one"}, "task": task, "split": {"kind": "column"},
            "evaluation": {"resamples": 20, "kmer_sizes": [3, 4]},
        }
    )  # fmt: skip


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Encoding:
    folder = tmp_path_factory.mktemp("encoding")
    return fit_encoding(experiment(table(folder / "t.csv"), "labels", "labels"), out=folder / "RUN", settings=SETTINGS)


def test_moved_sequences_are_asked_where_that_is_better(fitted: Encoding) -> None:
    codes = np.arange(12, dtype=np.uint8).reshape(2, 6) % 4
    assert move(codes, 2).tolist() == [[DNA.pad, DNA.pad, 0, 1, 2, 3], [DNA.pad, DNA.pad, 2, 3, 0, 1]]
    assert move(codes, -1)[:, -1].tolist() == [DNA.pad] * 2
    assert move(codes, 0) is codes
    model = load_encoding(fitted.bundle).model
    asked = np.random.default_rng(1).integers(0, 4, (20, model.encoder.length), dtype=np.uint8)
    five = replace(model, moves=(0, 3, -3, 6, -6))
    own, moved = replace(model, moves=(0,)).answers(asked), five.answers(asked)
    mean = sum(replace(model, moves=(0,)).answers(move(asked, by)) for by in (0, 3, -3, 6, -6)) / 5
    assert moved == pytest.approx(mean)
    good = 1 / (1 + np.exp(-moved))
    share = 3 / model.encoder.length
    assert moved_where_better(model, asked, good, share=share).moves == five.moves
    assert moved_where_better(replace(model, moves=(0,)), asked, 1 / (1 + np.exp(-own)), share=share).moves == (0,)
    assert moved_where_better(model, asked, good, share=0.0) is model


def test_bundles_that_name_only_how_far_sequences_are_moved(fitted: Encoding, tmp_path: Path) -> None:
    bundle = read_bundle(fitted.bundle)
    facts = {key: value for key, value in bundle.parts["encoding"].facts.items() if key != "moves"}
    for moved, moves in ((2, (0, 2, -2)), (0, (0,))):
        part = replace(bundle.parts["encoding"], facts={**facts, "moved": moved})
        write_bundle(tmp_path / str(moved), replace(bundle, parts={**bundle.parts, "encoding": part}))
        assert load_encoding(tmp_path / str(moved)).model.moves == moves


def test_from_a_table_to_a_judged_forest(fitted: Encoding) -> None:
    assert fitted.evaluation is not None
    assert set(fitted.evaluation.baselines) == {"prevalence", "composition", "kmer_logistic"}
    assert fitted.evaluation.model["roc_auc"].value > 0.6
    assert set(fitted.seconds) == {"data", "encoder", "values", "forest", "moved", "evaluation"}
    assert "hidden bases right" in fitted.sentences[0]
    assert fitted.sentences[1].startswith("The forest on the encoder's values predicts 2 labels with mean AUPRC")
    page = (fitted.folder / "report.html").read_text()
    assert "encoder with a forest" in page
    stored = json.loads((fitted.folder / "encoding.json").read_text())
    assert stored["forest"]["leaf"] == 3
    assert stored["learned"]["sequences"] == 156


def test_values_and_answers_of_a_file(fitted: Encoding, tmp_path: Path) -> None:
    loaded = load_encoding(fitted.bundle)
    source = fitted.folder.parent / "t.csv"
    assert apply_encoding(loaded, source, out=tmp_path / "v.parquet", block_rows=50) == 260
    values = pl.read_parquet(tmp_path / "v.parquet")
    assert values.columns == ["id", *(f"v_{i}" for i in range(80))]
    apply_encoding(loaded, source, out=tmp_path / "a.tsv", answers=True)
    said = pl.read_csv(tmp_path / "a.tsv", separator="\t")
    assert said.columns == ["id", "at", "gc", "labels"]
    kept = pl.read_parquet(fitted.folder / "predictions.parquet").filter(pl.col("part") == "test")
    for name in ("at", "gc"):
        assert said[name].gather(kept["row"]).to_numpy() == pytest.approx(kept[f"p_{name}"].to_numpy(), abs=1e-4)
    with pytest.raises(BundleError, match="asked in another way"):
        load(fitted.bundle)


@pytest.mark.parametrize(
    ("task", "target", "columns"), [("classes", "kind", ["prediction", "p_x", "p_z", "abstain"]), ("value", "y", ["y"])]
)
def test_classes_and_values(tmp_path: Path, task: str, target: str, columns: list[str]) -> None:
    path = table(tmp_path / "t.csv")
    found = fit_encoding(experiment(path, task, target), out=tmp_path / "RUN", settings=SETTINGS)
    assert found.evaluation is not None
    assert found.evaluation.task == task
    apply_encoding(load_encoding(found.bundle), path, out=tmp_path / "a.parquet", answers=True)
    assert pl.read_parquet(tmp_path / "a.parquet").columns == ["id", *columns]
    assert found.evaluation.model["roc_auc" if task == "classes" else "pearson"].value > 0.5


def test_sequences_alone_and_an_encoder_that_learns_on(tmp_path: Path, fitted: Encoding) -> None:
    source = tmp_path / "s.fa"
    generator = np.random.default_rng(3)
    source.write_text("".join(f">s{i}\n{''.join(generator.choice(list('ACGT'), 60))}\n" for i in range(80)))
    alone = check_experiment({"data": {"table": str(source)}})
    found = fit_encoding(alone, out=tmp_path / "ALONE", settings=SETTINGS, labels=False)
    assert found.grown is None
    assert found.evaluation is None
    loaded = load_encoding(found.bundle)
    with pytest.raises(UsageError, match="learned without labels"):
        apply_encoding(loaded, source, out=tmp_path / "a.tsv", answers=True)
    data = experiment(fitted.folder.parent / "t.csv", "labels", "labels")
    quick = check_settings(
        EncodingSettings, {"encoder": {"epochs": 1}, "forest": {"trees": 3, "leaf": [3]}}, where="test"
    )
    on = fit_encoding(data, out=tmp_path / "ON", settings=quick, start=loaded, unlabelled=[source])
    assert on.learned.sequences == 156 + 80
    assert on.learned.epochs == 1
    changed = check_settings(EncodingSettings, {"encoder": {"values": 60, "segments": 2}}, where="test")
    with pytest.raises(UsageError, match="the earlier encoder has"):
        improved(loaded, changed)


def test_folds_are_refused(tmp_path: Path) -> None:
    raw = experiment(table(tmp_path / "t.csv"), "labels", "labels").model_dump(mode="json")
    raw["split"] = {"kind": "folds", "k": 2}
    with pytest.raises(SettingsError, match="one split, not folds"):
        fit_encoding(check_experiment(raw), out=tmp_path / "RUN", settings=SETTINGS)
