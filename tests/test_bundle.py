"""The saved model: what is written is read back, what was changed is refused, nothing is executed."""

from __future__ import annotations

import json
import pickle
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from strandloom.bundle import FORMAT, Bundle, Manifest, Part, read_bundle, write_bundle
from strandloom.errors import BundleError, OutputError
from strandloom.io.settings import LetterPolicy
from strandloom.io.write import sha256
from strandloom.models.build import build
from strandloom.models.settings import LayersSettings, ModuleSettings
from strandloom.predict import load

FIXTURES = Path(__file__).parent / "fixtures"
SOURCE = Path(__file__).parents[1] / "src"
MODEL = LayersSettings.model_validate(
    {"blocks": [{"block": "conv", "filters": 3, "width": 3}, {"block": "norm"}, {"block": "global_pool"}]}
)


def weights(seed: int) -> dict[str, np.ndarray]:
    module = build(MODEL, channels=4, length=20, outputs=2, seed=seed)
    return {name: value.detach().numpy() for name, value in module.state_dict().items()}


def manifest(**changes: Any) -> Manifest:
    known = {
        "strandloom": "0.1.0",
        "name": "t",
        "task": "classes",
        "length": 20,
        "labels": ("no", "ja, ß"),
        "model": MODEL,
    }
    return Manifest.model_validate(known | changes)


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A bundle of two members with two parts."""
    parts = {
        "index.v2": Part(
            {"codes": np.arange(6, dtype=np.uint8).reshape(2, 3), "share": np.array([0.1, np.pi])},
            {"k": 5, "names": ["ä", "b"], "nested": {"x": None}},
        ),
        "notes": Part(facts={"text": "only facts"}),
    }
    about = manifest(members=2, letters=LetterPolicy(gap="remove"), temperature=1.25, abstain_threshold=0.6)
    write_bundle(tmp_path / "bundle", Bundle(about, (weights(1), weights(2)), parts, "# Modell für Fische\n"))
    return tmp_path / "bundle"


def rewrite(folder: Path, **changes: Any) -> None:
    """Change keys of the manifest."""
    path = folder / "bundle.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_round_trip(made: Path) -> None:
    back = read_bundle(made)
    about = back.manifest
    assert (about.labels, about.members, about.temperature) == (("no", "ja, ß"), 2, 1.25)
    assert about.letters.gap == "remove"
    assert about.model == MODEL
    assert back.card == "# Modell für Fische\n"
    for seed, member in zip((1, 2), back.weights, strict=True):
        expected = weights(seed)
        assert member.keys() == expected.keys()
        for name, array in member.items():
            assert (array.dtype, array.shape) == (expected[name].dtype, expected[name].shape)
            np.testing.assert_array_equal(array, expected[name])


def test_parts_round_trip(made: Path) -> None:
    parts = read_bundle(str(made)).parts
    assert set(parts) == {"index.v2", "notes"}
    index = parts["index.v2"]
    assert index.facts == {"k": 5, "names": ["ä", "b"], "nested": {"x": None}}
    assert index.arrays["codes"].dtype == np.uint8
    np.testing.assert_array_equal(index.arrays["codes"], [[0, 1, 2], [3, 4, 5]])
    assert index.arrays["share"].tolist() == [0.1, np.pi]
    assert not parts["notes"].arrays
    assert not (made / "parts" / "notes.safetensors").exists()


def test_writing_returns_the_manifest_with_every_hash(made: Path) -> None:
    bundle = read_bundle(made)
    again = write_bundle(made.parent / "again", bundle)
    files = {str(p.relative_to(made)) for p in made.rglob("*") if p.is_file()}
    assert set(again.files) == files - {"bundle.json"}
    assert all(sha256(made / name) == expected for name, expected in again.files.items())
    assert (made.parent / "again" / "bundle.json").read_bytes() == (made / "bundle.json").read_bytes()


def test_a_bundle_is_read_whatever_the_locale() -> None:
    """Names of classes need not be ASCII; the files are UTF-8 everywhere."""
    code = "import sys, strandloom.bundle as b; x = b.read_bundle(sys.argv[1]); print(ascii((x.manifest.labels[0], x.card)))"
    environment = {"PYTHONPATH": str(SOURCE), "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    command = [sys.executable, "-c", code, str(FIXTURES / "bundle-format-1")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == ascii(("Ährenfisch", "# fixture: ein Ährenfisch\n")), done.stderr


FILES = ["weights.safetensors", "card.md", "parts/index.v2.json", "parts/index.v2.safetensors", "parts/notes.json"]


@pytest.mark.parametrize("name", FILES)
def test_one_changed_byte_is_refused(made: Path, name: str) -> None:
    path = made / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(BundleError, match="was changed after the bundle was written") as caught:
        read_bundle(made)
    assert caught.value.where == str(path)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(made: Path, name: str) -> None:
    (made / name).unlink()
    with pytest.raises(BundleError, match="a file of the bundle is missing") as caught:
        read_bundle(made)
    assert caught.value.where == str(made / name)


def test_a_truncated_manifest_is_refused(made: Path) -> None:
    path = made / "bundle.json"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(BundleError, match=r"bundle\.json cannot be read"):
        read_bundle(made)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(BundleError, match=r"bundle\.json cannot be read"):
        read_bundle(made)


def test_a_newer_format_is_refused_before_anything_else(made: Path) -> None:
    """Also when the newer manifest has fields that this program cannot know."""
    rewrite(made, format=FORMAT + 1, strandloom="9.9.0", shape={"new": True})
    with pytest.raises(BundleError, match=f"bundle format {FORMAT + 1} is newer") as caught:
        read_bundle(made)
    assert caught.value.hint is not None
    assert "9.9.0" in caught.value.hint


@pytest.mark.parametrize("number", [None, 0, "1", -3])
def test_no_format_is_no_bundle(made: Path, number: Any) -> None:
    rewrite(made, format=number)
    with pytest.raises(BundleError, match="names no format version"):
        read_bundle(made)


def test_an_unknown_key_is_refused(made: Path) -> None:
    rewrite(made, run_on_load="os.system('id')")
    with pytest.raises(BundleError, match="not valid at run_on_load"):
        read_bundle(made)


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"length": 0}, "length"),
        ({"labels": "yes"}, "labels"),
        ({"temperature": -1}, "temperature"),
        ({"model": {"kind": "mine.Module"}}, "model"),
        ({"letters": {"gap": "eval"}}, "letters.gap"),
    ],
)
def test_a_wrong_value_is_named(made: Path, changes: dict[str, Any], place: str) -> None:
    rewrite(made, **changes)
    with pytest.raises(BundleError, match=rf"not valid at {place}"):
        read_bundle(made)


@pytest.mark.parametrize("name", ["../secret.json", "/etc/hostname", "parts/../../secret.json"])
def test_a_file_outside_is_refused(made: Path, name: str) -> None:
    """Even with the right hash: a bundle reads nothing but its own folder."""
    secret = made.parent / "secret.json"
    secret.write_text("{}")
    files = json.loads((made / "bundle.json").read_text())["files"]
    rewrite(made, files={**files, name: sha256(secret)})
    with pytest.raises(BundleError, match="names a file outside the bundle"):
        read_bundle(made)


def test_no_weights_listed(made: Path) -> None:
    files = json.loads((made / "bundle.json").read_text())["files"]
    del files["weights.safetensors"]
    rewrite(made, files=files)
    with pytest.raises(BundleError, match=r"lists no weights\.safetensors"):
        read_bundle(made)


def test_a_wrong_folder_says_where_the_bundle_is(made: Path) -> None:
    with pytest.raises(BundleError, match="no bundle here") as caught:
        read_bundle(made.parent)
    assert caught.value.hint == f"did you mean {made}?"
    with pytest.raises(BundleError, match="no bundle here"):
        read_bundle(made.parent / "nowhere")


def test_weights_that_do_not_fit(made: Path, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="do not fit the model"):  # a member short
        load(Bundle(manifest(members=2), (weights(1), {})), device="cpu")
    with pytest.raises(BundleError, match="do not fit the model"):
        load(Bundle(manifest(labels=("a", "b", "c")), (weights(1),)), device="cpu")
    rewrite(made, members=1)
    with pytest.raises(BundleError, match="data cannot be read"):  # weights of a member that the manifest does not have
        read_bundle(made)


def test_a_custom_model_needs_the_module(tmp_path: Path) -> None:
    about = manifest(model=ModuleSettings(name="Mine"))
    write_bundle(tmp_path / "own", Bundle(about, (weights(3),)))
    with pytest.raises(BundleError, match="a module of your own") as caught:
        load(tmp_path / "own", device="cpu")
    assert caught.value.hint is not None
    assert "model=" in caught.value.hint
    module = build(MODEL, channels=4, length=20, outputs=2, seed=9)
    given = load(tmp_path / "own", device="cpu", model=module).predict("ACGTACGTACGTACGTACGT")
    known = load(Bundle(manifest(), (weights(3),)), device="cpu").predict("ACGTACGTACGTACGTACGT")
    assert given.equals(known)
    kept = {name: value.detach().numpy() for name, value in module.state_dict().items()}
    assert all(np.array_equal(kept[name], array) for name, array in weights(9).items()), "the module given is a pattern"


def test_nothing_is_pickled(made: Path) -> None:
    """Every file is JSON, Markdown or safetensors (a length, a JSON header, numbers)."""
    for path in (p for p in made.rglob("*") if p.is_file()):
        data = path.read_bytes()
        if path.suffix == ".safetensors":
            header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
            assert all(set(x) == {"dtype", "shape", "data_offsets"} for k, x in header.items() if k != "__metadata__")
        elif path.suffix == ".json":
            json.loads(data)
        else:
            assert path.suffix == ".md"
        with pytest.raises((pickle.UnpicklingError, ValueError, EOFError, KeyError, IndexError, AttributeError)):
            pickle.loads(data)


def test_a_pickle_in_place_of_weights_is_never_opened(made: Path) -> None:
    """With a fitting hash, so that only the reader stands between."""

    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (made.parent / "executed",))

    path = made / "weights.safetensors"
    path.write_bytes(pickle.dumps(Trap()))
    files = json.loads((made / "bundle.json").read_text())["files"]
    rewrite(made, files={**files, "weights.safetensors": sha256(path)})
    with pytest.raises(BundleError, match="data cannot be read"):
        read_bundle(made)
    assert not (made.parent / "executed").exists()


def test_no_bundle_without_a_manifest(made: Path) -> None:
    """The manifest comes last: an interrupted write leaves a folder that is no bundle."""
    bundle = read_bundle(made)
    folder = made.parent / "half"
    (folder / "card.md").mkdir(parents=True)  # stands in the way of a file
    with pytest.raises(OutputError):
        write_bundle(folder, bundle)
    assert not (folder / "bundle.json").exists()


@pytest.mark.parametrize("version", range(1, FORMAT + 1))
def test_the_bundle_of_every_format_keeps_loading(version: int) -> None:
    """Written by tests/fixtures/make_bundle.py when the format was made; never written again."""
    name = f"bundle-format-{version}"
    said = pl.read_csv(FIXTURES / f"{name}.tsv", separator="\t", schema_overrides={"id": pl.String})
    predictor = load(FIXTURES / name, device="cpu")
    found = predictor.predict(said)
    assert found.columns == ["id", "prediction", "p_Ährenfisch", "p_Barbe", "p_Chub", "abstain"]
    assert found["id"].equals(said["id"])
    assert found["prediction"].equals(said["prediction"])
    assert found["abstain"].equals(said["abstain"])
    assert said["abstain"].n_unique() == 2
    assert said["prediction"].n_unique() == 3
    for name in ("p_Ährenfisch", "p_Barbe", "p_Chub"):
        np.testing.assert_allclose(found[name], said[name], atol=1e-5)
    assert sum(p.stat().st_size for p in FIXTURES.rglob("*") if p.is_file()) < 100_000


def test_the_blend_of_format_1_is_read(tmp_path: Path) -> None:
    """It had one blend for all members, in three fields."""
    old = {"blend_network": 0.7, "blend_baseline": 0.4, "blend_partner": "position_logistic"}
    copy = Path(shutil.copytree(FIXTURES / "bundle-format-1", tmp_path / "copy"))
    rewrite(copy, **old)
    (found,) = read_bundle(copy).manifest.blends
    assert (found.members, found.network, found.baseline) == ((0, 1), 0.7, 0.4)
    assert (found.partner, found.part) == ("position_logistic", "baseline-position_logistic")
    rewrite(copy, **{**old, "blend_baseline": 0.0})
    assert read_bundle(copy).manifest.blends == ()


@pytest.mark.parametrize("members", [[5], [-1, 0], [0], [0, 0, 1], "01"])
def test_a_blend_of_members_that_are_not_there(made: Path, members: Any) -> None:
    """Every network stands in one blend; else the probabilities would change in silence."""
    blend = {"members": members, "network": 1.0, "baseline": 0.0, "partner": "kmer_logistic", "part": "p"}
    rewrite(made, blends=[blend])
    with pytest.raises(BundleError, match=r"bundle\.json is not valid"):
        read_bundle(made)


def test_nonsense_in_an_old_manifest(tmp_path: Path) -> None:
    copy = Path(shutil.copytree(FIXTURES / "bundle-format-1", tmp_path / "copy"))
    for members in ("2", None, []):
        rewrite(copy, members=members, blend_baseline=0.4)
        with pytest.raises(BundleError, match="members"):
            read_bundle(copy)


def test_one_byte_of_the_fixture(tmp_path: Path) -> None:
    """The stored hashes are those of the stored files."""
    copy = Path(shutil.copytree(FIXTURES / "bundle-format-1", tmp_path / "copy"))
    assert read_bundle(copy).parts["experiment"].facts == {"yaml": "name: fixture\n"}
    (copy / "card.md").write_text("# another\n")
    with pytest.raises(BundleError, match="was changed"):
        read_bundle(copy)
