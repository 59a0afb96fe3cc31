"""``strandloom sources`` at the command line: from genomes to a sample report in three commands, and what goes wrong in their words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tiny_runs import strandloom


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``genomes.tsv``, RUN and SIM made of it."""
    folder = tmp_path_factory.mktemp("sources")
    generator = np.random.default_rng(1)
    rows = ["environment\tgenome_id\tspecies"]
    for environment, weight in (("sea", (4, 2, 2, 4)), ("soil", (2, 4, 4, 2))):
        for i in range(2):
            text = "".join(generator.choice(list("ACGT"), 15_000, p=np.array(weight) / 12))
            (folder / f"{environment}{i}.fa").write_text(f">c\n{text}\n")
            rows.append(f"{environment}\t{environment}{i}\t{environment.title()}ia sp{i}")
    (folder / "genomes.tsv").write_text("\n".join(rows) + "\n")
    done = strandloom(
        "sources", "train", folder / "genomes.tsv", "--members", "1", "--no-judge", "--out", folder / "RUN"
    )
    assert f"model: {folder / 'RUN' / 'bundle'}" in done.good().out
    strandloom(
        "sources", "simulate", folder / "genomes.tsv", "--samples", "2", "--reads", "600", "--out", folder / "SIM"
    ).good()
    return folder


def test_estimate(run: Path, tmp_path: Path) -> None:
    reads = run / "SIM" / "sample-1.fastq.gz"
    done = strandloom("sources", "estimate", run / "RUN" / "bundle", reads, "--reads", "--out", tmp_path / "E").good()
    assert done.out.startswith("sample-1: ")
    assert "unknown" in done.out
    for name in ("composition.tsv", "samples.tsv", "reads.parquet", "report.html", "estimate.json"):
        assert (tmp_path / "E" / name).is_file()


def test_evaluate_on_genomes_and_on_truth(run: Path, tmp_path: Path) -> None:
    bundle = run / "RUN" / "bundle"
    done = strandloom("sources", "evaluate", bundle, run / "genomes.tsv", "--out", tmp_path / "G").good()
    assert "10-mer naive Bayes" in done.out
    assert "4 of 4 are in the training collection" in done.out
    done = strandloom("sources", "evaluate", bundle, run / "SIM" / "truth.tsv", "--out", tmp_path / "T").good()
    assert "total variation error of 2 samples" in done.out
    assert (tmp_path / "T" / "report.html").is_file()


def test_damaged_reads_end_with_an_error_and_a_report(run: Path, tmp_path: Path) -> None:
    good = "".join(f"@r{i}\n{'ACGTTGCATT' * 8}\n+\n{'I' * 80}\n" for i in range(300))
    (tmp_path / "x.fastq").write_text(good + "@bad\nACGT\n+\nII\n")
    done = strandloom("sources", "estimate", run / "RUN" / "bundle", tmp_path / "x.fastq", "--out", tmp_path / "E")
    assert done.code == 1
    assert "4 bases but 2 quality values" in done.err
    assert (tmp_path / "E" / "composition.tsv").is_file()


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("estimate", "RUN/bundle", "none.fq", "--out", "X"), 1, "there is no such file"),
        (("estimate", "SIM", "SIM/sample-1.fastq.gz", "--out", "X"), 1, "no bundle here"),
        (("estimate", "RUN/bundle", "SIM/sample-1.fastq.gz", "--adapter", "xyz", "--out", "X"), 2, "is no adapter"),
        (("train", "SIM/truth.tsv", "--out", "X"), 1, "needs the columns environment and genome_id"),
        (("simulate", "genomes.tsv", "--foreign", "0.5", "--out", "X"), 2, "needs genomes of no environment"),
        (("train", "genomes.tsv", "--out", "RUN"), 1, "exists already"),
    ],
)
def test_mistakes(run: Path, tmp_path: Path, arguments: tuple[str, ...], code: int, words: str) -> None:
    known = {"RUN", "RUN/bundle", "SIM", "SIM/sample-1.fastq.gz", "SIM/truth.tsv", "genomes.tsv", "none.fq"}
    given = [str(run / x) if x in known else str(tmp_path / x) if x == "X" else x for x in arguments]
    done = strandloom("sources", *given)
    assert done.code == code
    assert words in done.err
    assert "Traceback" not in done.err


def test_shares_that_do_not_sum_to_1(run: Path, tmp_path: Path) -> None:
    table = tmp_path / "truth.tsv"
    table.write_text("sample\tsource\tproportion\na\tsea\t0.5\na\tsoil\t0.2\n")
    done = strandloom("sources", "evaluate", run / "RUN" / "bundle", table, "--out", tmp_path / "E")
    assert done.code == 1
    assert "proportions of sample 'a' sum to 0.700, not to 1" in done.err
