"""The taxonomy commands of the documentation and the examples are ones that the command line understands, and the examples run."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
import typer

from strandloom.cli.taxonomy import app
from strandloom.workflows.taxonomy.clean import DROPPED
from strandloom.workflows.taxonomy.contamination import FLAG_COLUMNS
from strandloom.workflows.taxonomy.field import REMOVABLE
from strandloom.workflows.taxonomy.lineage import RANKS
from strandloom.workflows.taxonomy.look_alikes import LOOK_ALIKE
from strandloom.workflows.taxonomy.markers import MARKERS
from strandloom.workflows.taxonomy.measures import MEASURES
from strandloom.workflows.taxonomy.reference import COLUMNS
from strandloom.workflows.taxonomy.settings import AssignSettings, TaxonomyTraining
from strandloom.workflows.taxonomy.suspects import SHARED, SUSPECTS

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = sorted((ROOT / "examples").glob("taxonomy-*.sh"))
PAGE = ROOT / "docs" / "taxonomy.md"
SOURCES = [ROOT / "README.md", PAGE, *EXAMPLES]
VERBS = ("build", "train", "assign", "evaluate")
MORE = '"${@:2}"'
"""Where an example passes on options of its own."""


def commands(path: Path) -> list[list[str]]:
    """The words of each ``strandloom taxonomy`` command, without these two."""
    text = path.read_text()
    if path.suffix == ".md":
        text = "\n".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL))
    lines = re.sub(r"\\\n\s*", " ", text.replace(MORE, "")).splitlines()
    return [shlex.split(x, comments=True)[2:] for x in lines if x.startswith("strandloom taxonomy")]


def data_files(path: Path) -> set[str]:
    """The files under ``$STRANDLOOM_DATA`` that a page or script names, as in ``$D/fish_geo/basins.tsv.gz``."""
    return set(re.findall(r"\$D/([\w/.-]+)", path.read_text()))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_commands_are_understood(path: Path) -> None:
    """Verbs, options, their values and the number of arguments are those of the command line; nothing is run."""
    group = typer.main.get_command(app)
    found = commands(path)
    assert {words[0] for words in found} == set(VERBS)
    for verb, *words in found:
        group.commands[verb].make_context(verb, words)  # type: ignore[attr-defined]


def test_options_in_the_text_exist() -> None:
    """Every ``--option`` that docs/taxonomy.md names belongs to a verb."""
    group = typer.main.get_command(app)
    known = {x for verb in VERBS for parameter in group.commands[verb].params for x in parameter.opts}  # type: ignore[attr-defined]
    text = re.sub(r"`qiime [^`]*`", "", PAGE.read_text())
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", re.sub(r"<!--.*?-->", "", text)))
    assert named <= known, named - known


def test_there_is_an_example_for_each_marker() -> None:
    """12S-V5 and teleo stand beside MiFish; the shell can read them all."""
    assert [path.stem for path in EXAMPLES] == ["taxonomy-mifish", "taxonomy-riaz", "taxonomy-teleo"]
    for path in EXAMPLES:
        assert os.access(path, os.X_OK)
        assert "set -euo pipefail" in path.read_text()
        subprocess.run(["bash", "-n", path], check=True)


def test_an_example_says_what_it_lacks(tmp_path: Path) -> None:
    """Without a folder, or without data, an example stops before it does anything."""
    environment = {name: value for name, value in os.environ.items() if name != "STRANDLOOM_DATA"}
    for path in EXAMPLES:
        for arguments, lack in (([], "usage"), ([tmp_path / "out"], "fish12s_mifish")):
            done = subprocess.run(
                ["bash", path, *arguments], env=environment, capture_output=True, text=True, check=False
            )
            assert done.returncode != 0
            assert lack in done.stderr
    assert not (tmp_path / "out").exists()


def test_columns_and_settings_are_documented() -> None:
    """docs/formats.md names the columns and settings of taxonomy files, docs/taxonomy.md the markers and flags."""
    page = (ROOT / "docs" / "formats.md").read_text().split("\n## Taxonomy\n")[1]
    words = set(re.findall(r"[A-Za-z0-9_]+", page))
    names = {*COLUMNS, *DROPPED, *SHARED, *SUSPECTS, *LOOK_ALIKE, *FLAG_COLUMNS, *MEASURES, *RANKS}
    names |= {*AssignSettings.model_fields, *TaxonomyTraining.model_fields}
    assert names <= words, names - words
    text = PAGE.read_text()
    for marker in MARKERS.values():
        assert f"| `{marker.name}` | {marker.forward}, {marker.reverse} (" in text
        assert f"| {marker.min_length} to {marker.max_length} |" in text
    assert all(f"`{flag}`" in text for flag in REMOVABLE)


def test_a_study_may_fill_in_the_pairs() -> None:
    """The markers stand there once, in order."""
    text = PAGE.read_text()
    assert [text.count(f"<!-- {word} pairs -->") for word in ("begin", "end")] == [1, 1]
    assert text.index("<!-- begin pairs -->") < text.index("<!-- end pairs -->")


@pytest.mark.realdata
def test_named_files_exist(real_data: Path) -> None:
    """The files of the examples are those of the data folder."""
    for path in (PAGE, *EXAMPLES):
        assert data_files(path)
        missing = [name for name in data_files(path) if not (real_data / name).is_file()]
        assert not missing, f"{path.name}: {missing}"


@pytest.mark.realdata
def test_the_pairs_are_as_near_as_the_page_says(real_data: Path) -> None:
    """One base apart, the commonest sequence in common, one and the same, half of the records."""
    table = pl.read_csv(real_data / "fish12s_mifish" / "mifish_reference.tsv.gz", separator="\t")

    def sequences(species: str) -> dict[str, int]:
        """The sequences of a species and their records, the commonest first."""
        own = table.filter(pl.col("species") == species)["sequence"].value_counts(sort=True)
        return dict(own.iter_rows())

    herring, pacific = sequences("Clupea harengus"), sequences("Clupea pallasii")
    apart = [sum(a != b for a, b in zip(x, y, strict=True)) for x in herring for y in pacific if len(x) == len(y)]
    assert min(apart) == 1
    assert next(iter(sequences("Gadus morhua"))) == next(iter(sequences("Gadus macrocephalus")))
    assert list(sequences("Platichthys flesus")) == list(sequences("Platichthys stellatus"))
    (dentex,) = sequences("Osmerus dentex")
    mordax = sequences("Osmerus mordax")
    assert 2 * mordax[dentex] == sum(mordax.values())


@pytest.mark.realdata
@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(
    "path", EXAMPLES[-1:], ids=lambda path: path.stem
)  # the shortest marker: the others take minutes
def test_the_examples_run(path: Path, real_data: Path, tmp_path: Path) -> None:
    """From the files as downloaded to tables, report and Darwin Core, with one network in place of three."""
    environment = {
        **os.environ,
        "STRANDLOOM_DATA": str(real_data),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    out = tmp_path / "out"
    done = subprocess.run(
        ["bash", path, out, "--members", "1"], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert (out / "judged" / "report.html").stat().st_size > 1_000
    assert (out / "found" / "report.html").stat().st_size > 1_000
    assert (out / "found" / "assignments.tsv").is_file()
    if path.stem == "taxonomy-mifish":
        assert "occurrenceID" in done.stdout
        assert (out / "found" / "darwin_core" / "meta.xml").is_file()
