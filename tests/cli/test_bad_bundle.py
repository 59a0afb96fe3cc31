"""Bundles that were damaged, are too new, or try to name code: refused by predict and evaluate alike."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tiny_runs import listing, strandloom

Damage = Callable[[Path], None]


def changed(name: str, change: Callable[[bytes], bytes]) -> Damage:
    def damage(folder: Path) -> None:
        path = folder / name
        path.write_bytes(change(path.read_bytes()))

    return damage


def manifest(**values: Any) -> Damage:
    def damage(folder: Path) -> None:
        path = folder / "bundle.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **values}))

    return damage


def flip(data: bytes) -> bytes:
    return data[:-3] + bytes([data[-3] ^ 1]) + data[-2:]


def extra_file(folder: Path) -> None:
    path = folder / "bundle.json"
    raw = json.loads(path.read_text())
    raw["files"]["../../etc/passwd"] = "0" * 64
    path.write_text(json.dumps(raw))


class Bomb:
    """Would make a file if it were unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (open, ("pwned", "w"))


CASES: dict[str, tuple[Damage, tuple[str, ...]]] = {
    "changed byte in weights": (
        changed("weights.safetensors", flip), ("weights.safetensors: the file was changed", "SHA-256", "hint: "),
    ),
    "changed byte in card": (changed("card.md", lambda x: x + b" "), ("card.md: the file was changed", "hint: ")),
    "changed byte in a part": (changed("parts/experiment.json", flip), ("experiment.json: the file was changed",)),
    "missing file": (lambda b: (b / "weights.safetensors").unlink(), ("weights.safetensors: a file of the bundle is missing",)),
    "newer format": (manifest(format=99, strandloom="9.9"), ("bundle format 99 is newer", "hint: install strandloom 9.9")),
    "no format": (manifest(format="x"), ("bundle.json names no format version", "hint: ")),
    "cut manifest": (changed("bundle.json", lambda x: x[:100]), ("bundle.json cannot be read", "hint: ")),
    "manifest is a list": (changed("bundle.json", lambda _: b"[]"), ("bundle.json names no format version",)),
    "manifest is no text": (changed("bundle.json", lambda _: b"\xff\xfe\x00"), ("bundle.json cannot be read",)),
    "unknown key": (manifest(run_this="os.system"), ("bundle.json is not valid at run_this",)),
    "code as model": (manifest(model={"kind": "os.system"}), ("bundle.json is not valid at model",)),
    "other model": (manifest(model={"kind": "multiscale", "filters": 8}), ("the weights do not fit the model", "hint: ")),
    "file outside": (extra_file, ("bundle.json names a file outside the bundle",)),
    "pickle for weights": (changed("weights.safetensors", lambda _: pickle.dumps(Bomb())), ("the file was changed",)),
    "no manifest": (lambda b: (b / "bundle.json").unlink(), ("no bundle here: bundle.json is missing", "hint: ")),
    "not there": (shutil.rmtree, ("no bundle here", "hint: ")),
}  # fmt: skip


@pytest.mark.parametrize(("damage", "texts"), CASES.values(), ids=CASES)
def test_refused(place: Path, bundle: Path, damage: Damage, texts: tuple[str, ...]) -> None:
    copy = place / "bundle"
    shutil.copytree(bundle, copy)
    damage(copy)
    before = listing(place)
    strandloom("predict", copy, "table.csv", "--out", "new/p.tsv").fails(1, *texts)
    strandloom("evaluate", copy, "table.csv", "--out", "new/judged").fails(1, *texts)
    assert listing(place) == before  # nothing was written, and nothing was run


def test_pickled_weights_are_not_run_even_with_the_right_hash(place: Path, bundle: Path) -> None:
    import hashlib

    copy = place / "bundle"
    shutil.copytree(bundle, copy)
    data = pickle.dumps(Bomb())
    (copy / "weights.safetensors").write_bytes(data)
    raw = json.loads((copy / "bundle.json").read_text())
    raw["files"]["weights.safetensors"] = hashlib.sha256(data).hexdigest()
    (copy / "bundle.json").write_text(json.dumps(raw))
    strandloom("predict", copy, "table.csv", "--out", "p.tsv").fails(1, "the bundle's data cannot be read", "hint: ")
    assert not (place / "pwned").exists()


def test_the_run_is_named_for_its_bundle(place: Path, trained: Path) -> None:
    strandloom("predict", trained / "run", "table.csv", "--out", "p.tsv").fails(
        1, f"did you mean {trained / 'run' / 'bundle'}?"
    )
    strandloom("predict", "table.csv", "table.csv", "--out", "p.tsv").fails(1, "no bundle here")
