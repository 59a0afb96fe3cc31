"""Every kind of wrong setting or usage: exit code 2, the line of the file or the option, and the nearest right name."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_runs import SETTINGS, listing, strandloom

MISTAKES = {
    "wrong key": (SETTINGS.replace("epochs", "epoch"), 'exp.yaml:5: unknown setting `training.epoch`', "did you mean `epochs`?"),
    "wrong section": (SETTINGS.replace("model:", "modle:"), "exp.yaml:4: unknown setting `modle`", "did you mean `model`?"),
    "wrong type": (SETTINGS.replace("epochs: 1", "epochs: many"), "exp.yaml:5: `training.epochs`", "(given: 'many')"),
    "list for text": (SETTINGS.replace("name: tiny", "name: [a]"), "exp.yaml:1: `name`", "input should be text"),
    "out of range": (SETTINGS.replace("epochs: 1", "epochs: 0"), "exp.yaml:5: `training.epochs`", "≥ 1 or 'auto' (given: 0)"),
    "not finite": (SETTINGS.replace("epochs: 1", "epochs: .inf"), "exp.yaml:5: `training.epochs`", "hint: "),
    "wrong element": (SETTINGS.replace("filters: 4", "filters: [0]"), "exp.yaml:4: `model.filters.0`", "from 1 to 16384 (given: 0)"),
    "not together": (SETTINGS.replace("filters: 4", "filters: [4, 4]"), "exp.yaml:4: `model`: filters: 2 numbers for 1 widths", ""),
    "wrong kind": (SETTINGS.replace("multiscale", "multiscael"), "exp.yaml:4: `model.kind`", "did you mean `multiscale`?"),
    "wrong word": (SETTINGS.replace("strand: one", "strand: ones"), "exp.yaml:2: `data.strand`", "did you mean `one`?"),
    "missing section": ("name: tiny\n", "exp.yaml:1: the setting `data` is missing", "hint: "),
    "key twice": (SETTINGS + "name: again\n", "exp.yaml:7: the key `name` stands twice", ""),
    "no mapping": ("- a\n- b\n", "exp.yaml: an experiment file is a mapping of settings", "hint: start with"),
    "empty": ("", "exp.yaml: an experiment file is a mapping of settings", "hint: start with"),
    "no YAML": ("data: [", "exp.yaml:1: not valid YAML", "hint: check indentation"),
    "tab": (SETTINGS + "task:\n\tx: 1\n", "exp.yaml:8: not valid YAML", "hint: "),
    "code by tag": (
        SETTINGS + "task: !!python/object/apply:os.system ['touch pwned']\n", "exp.yaml:7: the file tries to name code", "tag",
    ),
    "code by name tag": (SETTINGS.replace("name: tiny", "name: !!python/name:os.system"), "exp.yaml:1", "name code"),
    "code as kind": (SETTINGS.replace("multiscale", "os.system"), "exp.yaml:4: `model.kind` is `os.system`", "allowed: residual"),
    "code as block": (
        "name: tiny\ndata: {table: a.csv}\n\nmodel: {kind: layers, blocks: [{block: os.system}]}\n",
        "exp.yaml:4", "`os.system`, which is not known",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "where", "said"), MISTAKES.values(), ids=MISTAKES)
def test_experiment_file(place: Path, text: str, where: str, said: str) -> None:
    (place / "exp.yaml").write_text(text)
    before = listing(place)
    strandloom("train", "exp.yaml", "--out", "new/run").fails(2, where, said)
    assert listing(place) == before  # no code ran, no folder was made


def test_experiment_file_that_cannot_be_read(place: Path) -> None:
    strandloom("train", "nosuch.yaml", "--out", "run").fails(
        2, "nosuch.yaml: no such experiment file", "strandloom init"
    )
    strandloom("train", ".", "--out", "run").fails(2, "this is a folder, not an experiment file", "hint: ")
    (place / "exp.yaml").write_bytes(SETTINGS.encode() + "# Gün\n".encode("latin-1"))
    strandloom("train", "exp.yaml", "--out", "run").fails(2, "exp.yaml:7: the byte 0xFC is not UTF-8", "hint: ")
    assert not (place / "run").exists()


@pytest.mark.parametrize("marks", ["bom", "crlf"])
def test_experiment_file_from_windows(place: Path, marks: str) -> None:
    text = SETTINGS.replace("\n", "\r\n") if marks == "crlf" else "\ufeff" + SETTINGS
    (place / "exp.yaml").write_bytes(text.replace("epochs", "epoch").encode())
    strandloom("train", "exp.yaml", "--out", "run").fails(2, "exp.yaml:5: unknown setting `training.epoch`")


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("training.epoch=3", "--set training.epoch=3: unknown setting `training.epoch`\nhint: did you mean `epochs`?"),
        ("training.epochs=many", "--set training.epochs=many: `training.epochs`: input should be a whole number ≥ 1"),
        ("training", "--set: `--set training` is not of the form a.b=value"),
        ("training.epochs=[", "--set: the value of `--set training.epochs=[` is not valid YAML"),
        ("name.x=1", "--set: `--set name.x=1`: `name` is a single value, with no `x` in it\nhint: set the whole of it"),
        (
            "model.widths.0.x=3",
            "--set: `--set model.widths.0.x=3`: `model.widths.0` is a single value, with no `x` in it",
        ),
        ("model.widths.0.x.y=3", "`model.widths.0` is a single value, with no `x` in it"),
        ("model.filters=[4, 4]", "--set model.filters=[4, 4]: `model`: filters: 2 numbers for 1 widths"),
        ("model.kind=os.system", "--set model.kind=os.system: `model.kind` is `os.system`"),
    ],
)
def test_override(place: Path, override: str, said: str) -> None:
    strandloom("train", "exp.yaml", "--out", "run", "--set", override).fails(2, said)
    assert not (place / "run").exists()


@pytest.mark.parametrize("device", ["warp", "cuda:99", "meta", ""])
def test_unknown_device(place: Path, bundle: Path, device: str) -> None:
    before = listing(place)
    strandloom("train", "exp.yaml", "--out", "new/run", "-q", "--device", device).fails(
        2, "--device: ", "hint: use auto"
    )
    strandloom("predict", bundle, "table.csv", "--out", "new/p.tsv", "--device", device).fails(2, "--device: ")
    strandloom("evaluate", bundle, "table.csv", "--out", "new/judged", "--device", device).fails(2, "--device: ")
    strandloom("doctor", "--device", device).fails(2, "--device: ")
    assert listing(place) == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nosuch"], "No such command 'nosuch'"),
        (["trian", "exp.yaml"], "Did you mean 'train'"),
        (["train"], "Missing argument"),
        (["train", "exp.yaml"], "Missing option '--out'"),
        (["train", "exp.yaml", "--out", "run", "--epochs", "3"], "No such option: --epochs"),
        (["train", "exp.yaml", "--out", "run", "--seeds", "0"], "--seeds"),
        (["predict", "b", "i", "--out", "o.tsv", "--batch-size", "0"], "--batch-size"),
        (["predict", "b", "i", "--out", "o.tsv", "--on-bad-row", "ignore"], "--on-bad-row"),
    ],
)
def test_wrong_usage(place: Path, arguments: list[str], said: str) -> None:
    before = listing(place)
    done = strandloom(*arguments)
    assert done.code == 2
    assert done.out == ""
    assert said in done.err
    assert "Traceback" not in done.err
    assert listing(place) == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--motif", "TATAJA"], "simulate motifs: "),
        (["--length", "10", "--motif", "ACGTACGTACGTACGT"], "simulate motifs: "),
        (["--motif-file", "exp.yaml"], "exp.yaml"),
        (["--motif-file", "nosuch.meme"], "nosuch.meme"),
    ],
)
def test_simulate(place: Path, arguments: list[str], said: str) -> None:
    before = listing(place)
    done = strandloom("simulate", "motifs", "--out", "new/m.tsv", "--n", "20", *arguments)
    done.fails(done.code, said)
    assert done.code in (1, 2)
    assert listing(place) == before


def test_compare_needs_two_finished_runs(place: Path, trained: Path) -> None:
    strandloom("compare", trained / "run").fails(2, "a comparison needs two runs or more", "hint: ")
    strandloom("compare", trained / "run", place).fails(1, "no run here: experiment.yaml is missing", "hint: ")
    strandloom("compare", trained / "run", place / "nosuch", "--out", "new/c.html").fails(1, "nosuch")
    assert not (place / "new").exists()
