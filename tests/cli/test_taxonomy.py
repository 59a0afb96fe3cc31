"""``strandloom taxonomy`` at the command line: the whole way on a few made-up fish, and what goes wrong in their words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tiny_runs import strandloom

FISH = ("Aba alba", "Aba nigra", "Bubo rex", "Bubo parvus", "Cira longa", "Cira brevis")
HOMES = {name: (60.0 - 20 * i, -30.0 + 40 * i) for i, name in enumerate(FISH)}


@pytest.fixture(scope="module")
def fish(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``records.csv``, ``ranges.csv``, ``asvs.fasta``, and REF and RUN made of them."""
    folder = tmp_path_factory.mktemp("fish")
    rng = np.random.default_rng(3)
    root = rng.choice(list("ACGT"), 168)
    first = root.copy()
    rows, queries = ["record_id,class,order,family,genus,species,sequence"], []
    for number, name in enumerate(FISH):
        own = root.copy()
        at = rng.choice(168, 8, replace=False)
        own[at] = [rng.choice([x for x in "ACGT" if x != own[i]]) for i in at]
        own = first if number == 1 else own  # two fish of one sequence
        first = own
        genus = name.split()[0]
        rows += [f"r{number}{i},Actinopteri,Xiformes,{genus}idae,{genus},{name},{''.join(own)}" for i in range(3)]
        queries.append(f">q{number}\n{''.join(own)}\n")
    (folder / "records.csv").write_text("\n".join(rows) + "\n")
    (folder / "ranges.csv").write_text("species,lat,lon\n" + "".join(f"{x},{a},{b}\n" for x, (a, b) in HOMES.items()))
    (folder / "asvs.fasta").write_text("".join(queries))
    strandloom("taxonomy", "build", folder / "records.csv", "--marker", "mifish", "--out", folder / "REF").good()
    train = ("taxonomy", "train", folder / "REF", "--ranges", folder / "ranges.csv", "--members", "1")
    done = strandloom(*train, "--out", folder / "RUN").good()
    assert "held-out records" in done.out
    return folder


def test_location_tells_two_fish_of_one_sequence_apart(fish: Path, tmp_path: Path) -> None:
    for name in FISH[:2]:
        lat, lon = HOMES[name]
        out = tmp_path / name.replace(" ", "-")
        done = strandloom(
            "taxonomy", "assign", fish / "RUN" / "bundle", fish / "asvs.fasta", "--at", lat, lon, "--out", out
        ).good()
        assert "6 sequences" in done.out
        header, *rows = [line.split("\t") for line in (out / "assignments.tsv").read_text().splitlines()]
        species = header.index("species")
        assert [row[species] for row in rows[:2]] == [name, name]
        assert (out / "report.html").is_file()


def test_a_place_may_have_decimal_commas(fish: Path, tmp_path: Path) -> None:
    files = (fish / "RUN" / "bundle", fish / "asvs.fasta")
    strandloom("taxonomy", "assign", *files, "--at", "39,4", "-9,5", "--out", tmp_path / "out").good()
    assert '"place": [\n  39.4,\n  -9.5\n ]' in (tmp_path / "out" / "assignment.json").read_text()


def test_evaluate(fish: Path, tmp_path: Path) -> None:
    done = strandloom(
        "taxonomy",
        "evaluate",
        fish / "RUN" / "bundle",
        fish / "records.csv",
        "--baselines",
        "fast",
        "--out",
        tmp_path / "judged",
    ).good()
    assert "right species" in done.out
    assert (tmp_path / "judged" / "evaluation.json").is_file()


CASES = {
    "no such marker": (("build", "records.csv", "--marker", "mifsh"), ("there is no marker 'mifsh'", "mifish")),
    "a marker that no record has": (("build", "records.csv", "--marker", "teleo"), ("teleo", "hint:")),
    "half of own primers": (("build", "records.csv", "--forward", "ACGTACGTAC"), ("--reverse",)),
    "no such file": (("build", "absent.csv"), ("absent.csv",)),
    "no reference": (("train", "nothing"), ("no reference folder", "taxonomy build")),
    "ranges of nobody": (("train", "REF", "--ranges", "strangers.csv"), ("strangers.csv", "hint:")),
    "swapped coordinates": (("train", "REF", "--ranges", "swapped.csv"), ("swapped.csv", "swap")),
    "a place off the globe": (
        ("assign", "RUN/bundle", "asvs.fasta", "--at", "95", "10"),
        ("no place on the globe", "swapped"),
    ),
    "half a place": (
        ("assign", "RUN/bundle", "asvs.fasta", "--at", "55.3"),
        (
            "--at: a longitude is wanted: '--out' is no coordinate",
            "hint: two numbers, latitude first: --at 55.3 -132.5",
        ),
    ),
    "no place": (
        ("assign", "RUN/bundle", "asvs.fasta", "--at", "unknown", "3"),
        ("--at: a latitude is wanted: 'unknown' is no coordinate",),
    ),
    "no bundle": (("assign", "REF", "asvs.fasta"), ("bundle.json is missing",)),
    "the same name twice": (("assign", "RUN/bundle", "twice.fasta"), ("'q0' stands there twice",)),
    "no species column": (("evaluate", "RUN/bundle", "asvs.fasta"), ("species",)),
}


@pytest.mark.parametrize("name", CASES)
def test_what_goes_wrong_is_said_and_leaves_nothing(name: str, fish: Path, tmp_path: Path) -> None:
    (fish / "strangers.csv").write_text("species,lat,lon\nHomo ludens,10,10\nCanis major,20,20\n")
    (fish / "swapped.csv").write_text("species,lat,lon\nAba alba,-130,55\nAba nigra,-140,50\n")
    (fish / "twice.fasta").write_text((fish / "asvs.fasta").read_text() * 2)
    arguments, texts = CASES[name]
    verb, *rest = arguments
    own = [str(fish / x) if (fish / x).exists() or x in ("absent.csv", "nothing") else x for x in rest]
    done = strandloom("taxonomy", verb, *own, "--out", tmp_path / "out")
    assert done.code in (1, 2)
    assert "Traceback" not in done.err
    for text in texts:
        assert text in done.err
    assert not (tmp_path / "out").exists()


def test_other_commands_say_whose_bundle_it_is(fish: Path, tmp_path: Path) -> None:
    done = strandloom("predict", fish / "RUN" / "bundle", fish / "asvs.fasta", "--out", tmp_path / "out.tsv")
    assert done.code == 1
    assert "strandloom taxonomy assign" in done.err
