"""The rules of the run folder: what is made, resumed, replaced, refused and taken away again."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from strandloom.errors import InputError, OutputError, SettingsError, TrainingError
from strandloom.experiment import Experiment, check_experiment
from strandloom.run.folder import RunFolder, nothing_left, open_run

Make = Callable[..., Experiment]


def make_run(path: Path, experiment: Experiment, *, trained: bool = False, seeds: int = 1) -> RunFolder:
    """A run as it stands before training, or after its first epoch."""
    run = open_run(path, experiment, seeds=seeds, resume=False, force=False)
    if trained:
        run.metrics.write_text('{"epoch": 1}\n')
    return run


def names_in(folder: Path) -> set[str]:
    return {one.name for one in folder.iterdir()}


# ------------------------------------------------------------------------------------------------------- states and names


def test_a_new_run_holds_its_settings(experiment: Make, tmp_path: Path) -> None:
    """The folders above it are made too; an empty folder is taken as it is."""
    asked = experiment(name="mine")
    (tmp_path / "empty").mkdir()
    for path in (tmp_path / "a" / "b" / "run", tmp_path / "empty"):
        run = open_run(path, asked, seeds=3, resume=False, force=False)
        assert run == RunFolder(path)
        assert names_in(path) == {"experiment.yaml", "plan.json"}
        assert check_experiment(yaml.safe_load(run.experiment.read_text())) == asked
        assert json.loads(run.plan.read_text()) == {"seeds": 3}
        assert run.untrained
        assert run.idle
        assert not run.finished


@pytest.mark.parametrize("name", ["environment.json", "data.json", "split.parquet", "store", ".data.json.0a1b.part"])
def test_a_run_is_idle_until_it_has_done_work(experiment: Make, tmp_path: Path, name: str) -> None:
    run = make_run(tmp_path / "run", experiment())
    (run.path / name).touch()
    assert run.idle
    for work in ("metrics.jsonl", "decision.json", "members", "notes.txt"):
        (run.path / work).touch()
        assert not run.idle
        assert not run.untrained
        (run.path / work).unlink()


def test_a_folder_that_is_no_run_is_not_idle(tmp_path: Path) -> None:
    assert RunFolder(tmp_path).untrained
    assert not RunFolder(tmp_path).idle
    assert not RunFolder(tmp_path / "none").untrained
    (tmp_path / "file").touch()
    assert not RunFolder(tmp_path / "file").untrained
    assert not RunFolder(tmp_path / "file").idle


def test_the_verdict_says_that_a_run_is_finished(experiment: Make, tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", experiment(), trained=True)
    run.verdict.write_text("Good.\n")
    assert run.finished
    assert open_run(run.path, experiment(), seeds=1, resume=True, force=False).finished


def test_member_folders() -> None:
    run = RunFolder(Path("run"))
    assert run.member("seed 1", alone=True) == Path("run")
    assert run.member("seed 1", alone=False) == Path("run/members/seed-1")
    assert run.member("chrom = chr1.2 seed 4", alone=False).parent == Path("run/members")
    assert len(run.member("g" * 500, alone=False).name) < 100


@pytest.mark.parametrize("name", ["..", ".", "/etc/passwd", "a/../../b", " ", "−", "a\0b", "-", "con\n"])
def test_no_name_of_a_group_leaves_the_members(name: str) -> None:
    found = RunFolder(Path("run")).member(name, alone=False)
    assert found.parent == Path("run/members")
    assert found.name not in ("", ".", "..")
    assert found.name.isascii()
    assert found.name.isprintable()


@settings(deadline=None)
@given(st.lists(st.text("ab -./=é", min_size=1, max_size=5), min_size=2, max_size=20, unique=True))
def test_different_names_have_different_folders(names: list[str]) -> None:
    run = RunFolder(Path("run"))
    assert len({run.member(name, alone=False) for name in names}) == len(names)


# ------------------------------------------------------------------------------------------------- made again or refused


@pytest.mark.parametrize(("resume", "force"), [(False, False), (True, False), (False, True)])
def test_a_file_in_the_way(experiment: Make, tmp_path: Path, resume: bool, force: bool) -> None:
    (tmp_path / "run").write_text("mine")
    with pytest.raises(OutputError, match="a file stands where the run folder should be"):
        open_run(tmp_path / "run", experiment(), seeds=1, resume=resume, force=force)
    with pytest.raises(OutputError, match="a part of the path is a file"):
        open_run(tmp_path / "run" / "below", experiment(), seeds=1, resume=resume, force=force)
    assert (tmp_path / "run").read_text() == "mine"


def test_an_idle_run_is_replaced_unasked(experiment: Make, tmp_path: Path) -> None:
    """Other settings, another number of seeds: nothing of the old one stays."""
    run = make_run(tmp_path / "run", experiment(), seeds=2)
    (run.path / "store").mkdir()
    (run.path / "store" / "codes.npy").touch()
    open_run(run.path, experiment(name="other"), seeds=1, resume=False, force=False)
    assert names_in(run.path) == {"experiment.yaml", "plan.json"}
    assert yaml.safe_load(run.experiment.read_text())["name"] == "other"


def test_a_trained_run_is_kept_resumed_or_replaced_as_asked(experiment: Make, tmp_path: Path) -> None:
    asked = experiment()
    run = make_run(tmp_path / "run", asked, trained=True)
    with pytest.raises(OutputError, match="the run folder exists already") as caught:
        open_run(run.path, asked, seeds=1, resume=False, force=False)
    assert caught.value.where == str(run.path)
    assert all(way in (caught.value.hint or "") for way in ("--out", "--resume", "--force"))
    assert open_run(run.path, asked, seeds=1, resume=True, force=False) == run
    assert open_run(run.path, asked, seeds=1, resume=True, force=True) == run  # work is never lost where both are asked
    assert run.metrics.is_file()
    open_run(run.path, asked, seeds=1, resume=False, force=True)
    assert names_in(run.path) == {"experiment.yaml", "plan.json"}


@pytest.mark.parametrize("left", ["thesis.txt", "experiment.yaml", "plan.json and thesis.txt"])
def test_force_never_removes_what_is_no_run(experiment: Make, tmp_path: Path, left: str) -> None:
    for name in left.split(" and "):
        (tmp_path / name).write_text("all of it")
    with pytest.raises(OutputError, match="not a run, so --force does not remove it"):
        open_run(tmp_path, experiment(), seeds=1, resume=False, force=True)
    with pytest.raises(OutputError, match="exists already"):
        open_run(tmp_path, experiment(), seeds=1, resume=False, force=False)
    assert names_in(tmp_path) == set(left.split(" and "))


def test_resume_begins_a_run_that_is_not_there(experiment: Make, tmp_path: Path) -> None:
    assert open_run(tmp_path / "run", experiment(), seeds=1, resume=True, force=False).idle


# ---------------------------------------------------------------------------------------------------------------- resume


def test_resume_names_the_settings_that_differ(experiment: Make, tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", experiment(), trained=True)
    before = run.experiment.read_text()
    other = experiment(training={"epochs": 7}, data={"strand": "both"})
    with pytest.raises(SettingsError) as caught:
        open_run(run.path, other, seeds=2, resume=True, force=False)
    assert caught.value.message.endswith("with other settings: data.strand, training.epochs, --seeds")
    assert caught.value.where == str(run.path)
    assert "resume with the same experiment" in (caught.value.hint or "")
    assert run.experiment.read_text() == before
    assert run.metrics.is_file()


def test_resume_names_a_few_of_many_differences(experiment: Make, tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", experiment(), trained=True)
    other = experiment(model={"kind": "multiscale"}, training={"epochs": 7, "batch_size": 8, "patience": 3, "seed": 4})
    with pytest.raises(SettingsError, match=r"model\.") as caught:
        open_run(run.path, other, seeds=1, resume=True, force=False)
    assert caught.value.message.count(", ") == 7


@pytest.mark.parametrize(
    ("file", "text", "error", "message"),
    [
        ("plan.json", "{", InputError, "not a readable JSON file"),
        ("experiment.yaml", "name: x\n", SettingsError, "the setting `data` is missing"),
        ("experiment.yaml", "data: {table: t.csv}\ndeta: 1\n", SettingsError, "unknown setting `deta`"),
    ],
)
def test_resume_of_a_damaged_run_names_the_file(
    experiment: Make, tmp_path: Path, file: str, text: str, error: type[Exception], message: str
) -> None:
    run = make_run(tmp_path / "run", experiment(), trained=True)
    (run.path / file).write_text(text)
    with pytest.raises(error, match=message) as caught:
        open_run(run.path, experiment(), seeds=1, resume=True, force=False)
    assert str(caught.value).startswith(str(run.path / file))


# ---------------------------------------------------------------------------------------------------------- nothing left


def die(out: Path, experiment: Experiment, error: BaseException, *, trained: bool = False) -> None:
    """A run that ends by an error before or after its first epoch."""
    with nothing_left(out):
        make_run(out, experiment, trained=trained)
        raise error


@pytest.mark.parametrize("error", [TrainingError("no"), OSError("no")])
def test_a_run_that_fails_before_training_leaves_nothing(experiment: Make, tmp_path: Path, error: Exception) -> None:
    """Nor the folders made above it; those that were there stay."""
    (tmp_path / "there").mkdir()
    out = tmp_path / "there" / "new" / "run"
    with pytest.raises(type(error), match="no"):
        die(out, experiment(), error)
    assert names_in(tmp_path) == {"there"}
    assert not names_in(tmp_path / "there")


def fill_up(out: Path) -> None:
    out.mkdir(exist_ok=True)
    (out / ".plan.json.0a1b2c3d.part").touch()
    raise OSError("full")


def test_a_failure_at_the_first_write_leaves_nothing(tmp_path: Path) -> None:
    """A folder of the user's that was empty before stays."""
    (tmp_path / "there").mkdir()
    for name, kept in (("new", False), ("there", True)):
        out = tmp_path / name
        with pytest.raises(OSError, match="full"), nothing_left(out):
            fill_up(out)
        assert out.exists() == kept


def test_a_run_that_fails_while_training_stays(experiment: Make, tmp_path: Path) -> None:
    out = tmp_path / "new" / "run"
    with pytest.raises(TrainingError, match="diverged"):
        die(out, experiment(), TrainingError("diverged"), trained=True)
    assert RunFolder(out).metrics.is_file()


def test_ctrl_c_leaves_the_run_to_be_resumed(experiment: Make, tmp_path: Path) -> None:
    out = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        die(out, experiment(), KeyboardInterrupt())
    assert RunFolder(out).idle


def test_what_was_there_before_a_failure_stays(experiment: Make, tmp_path: Path) -> None:
    """A folder that is no run, and a trained run that was not to be replaced."""
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "thesis.txt").touch()
    make_run(tmp_path / "run", experiment(), trained=True)
    for name in ("thesis", "run"):
        before = names_in(tmp_path / name)
        with pytest.raises(OutputError), nothing_left(tmp_path / name):
            make_run(tmp_path / name, experiment())
        assert names_in(tmp_path / name) == before


def test_a_run_that_goes_well_stays(experiment: Make, tmp_path: Path) -> None:
    with nothing_left(tmp_path / "run"):
        run = make_run(tmp_path / "run", experiment())
    assert run.idle
