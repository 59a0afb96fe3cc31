"""The service as a process: it stops when asked, and loses nothing; the client of the package."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import numpy as np
import pytest

from strandloom.client import Client, ServiceError
from strandloom.predict import load

TEXTS = ["".join(x) for x in np.random.default_rng(5).choice(list("ACGT"), (300, 30))]


@contextmanager
def running(*words: str | Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """``strandloom serve`` on a free port: the process and its address."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "strandloom.cli.main", "serve", *map(str, words), "--port", "0"],
        stderr=subprocess.PIPE, text=True, env=environment,
    )  # fmt: skip
    assert process.stderr is not None
    seen: list[str] = []
    address = ""
    for line in process.stderr:
        seen.append(line)
        if line.startswith("listening on "):
            address = line.split()[-1]
            break
    reading = threading.Thread(target=process.stderr.read, daemon=True)
    reading.start()
    try:
        assert address, "".join(seen)
        _ready(address)
        yield process, address
    finally:
        process.terminate()
        process.wait(30)
        reading.join(10)
        process.stderr.close()


def _ready(address: str) -> None:
    for _ in range(300):
        try:
            with urlopen(f"{address}/readyz", timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    pytest.fail("the service does not answer")


def test_the_client_gets_what_predict_says_and_a_stop_is_clean(bundles: Path, tmp_path: Path) -> None:
    expected = load(bundles / "oral" / "bundle", device="cpu").predict(TEXTS).to_dicts()
    with running(bundles / "oral" / "bundle", "--genome", bundles / "genome.fa") as (process, address):
        client = Client(address)
        assert [x["name"] for x in client.models()] == ["oral"]
        assert client.card("oral") == "# A card\n"
        assert client.predict("oral", TEXTS, rows=64) == [pytest.approx(x, abs=2e-6) for x in expected]
        path = tmp_path / "reads.fa"
        path.write_text("".join(f">{i + 1}\n{x}\n" for i, x in enumerate(TEXTS)))
        assert list(client.predict_file("oral", path)) == [pytest.approx(x, abs=2e-6) for x in expected]
        assert len(client.explain("oral", TEXTS[0], output="gut")["effects"]) == 30
        there = (bundles / "genome.fa").read_text().split("\n")[1][9]
        found = client.variants("oral", [{"chrom": "chr1", "pos": 10, "ref": there, "alt": there + "A"}])
        assert found[0]["pos"] == 10
        with pytest.raises(ServiceError, match="no model of this name") as refused:
            client.predict("other", ["ACGT"])
        assert refused.value.status == 404
        path.write_text("".join(f"@{i}\nACGT\n+\nIIII\n" for i in range(2000)) + "@bad\nAC\n+\nI\n")
        with pytest.raises(ServiceError, match="quality"):
            list(client.predict_file("oral", path))
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    with pytest.raises(ServiceError, match="cannot be reached"):
        Client(address, tries=1).models()


def test_an_open_answer_ends_before_the_service_does(bundles: Path, tmp_path: Path) -> None:
    path = tmp_path / "reads.fa"
    path.write_text("".join(f">{i}\n{TEXTS[i % 300]}\n" for i in range(60_000)))
    with running(bundles / "oral" / "bundle") as (process, address):
        rows = Client(address).predict_file("oral", path)
        first = next(rows)
        process.send_signal(signal.SIGTERM)
        assert [first["id"], *(row["id"] for row in rows)] == [str(i) for i in range(60_000)]
        assert process.wait(30) == 0


@pytest.mark.slow
def test_a_killed_worker_loses_no_request_without_an_error(bundles: Path) -> None:
    answered: list[int] = []
    refused: list[str] = []
    stop = threading.Event()

    def ask(address: str) -> None:
        client = Client(address, tries=1)
        while not stop.is_set():
            try:
                answered.append(len(client.predict("oral", TEXTS[:20])))
            except ServiceError as error:
                refused.append(error.message)

    with running(bundles / "oral" / "bundle", "--workers", "2") as (process, address):
        threads = [threading.Thread(target=ask, args=(address,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        time.sleep(1)
        victim = _workers(process.pid)[0]
        os.kill(victim, signal.SIGKILL)
        time.sleep(4)
        before = len(answered)
        time.sleep(1)
        stop.set()
        for thread in threads:
            thread.join(60)
            assert not thread.is_alive()
        assert len(answered) > before  # it goes on
        assert set(answered) == {20}  # whole answers, or an error
        with urlopen(f"{address}/metrics", timeout=10) as answer:
            assert b"strandloom_rows_total" in answer.read()


def _workers(parent: int) -> list[int]:
    """Processes of a service that hold its models: children that listen, not the tracker of resources."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or b"spawn_main" not in (entry / "cmdline").read_bytes():
            continue
        if int((entry / "stat").read_text().rpartition(")")[2].split()[1]) == parent:
            found.append(int(entry.name))
    return found


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nothing"], "no bundle here"),
        (["{oral}", "--host", "0.0.0.0"], "tokens are needed"),
        (["{oral}", "--set", "limits.row=3"], "limits.row"),
        (["{oral}", "--engine", "magic"], "unknown engine"),
    ],
)
def test_mistakes_are_one_message(bundles: Path, words: list[str], said: str) -> None:
    command = [x.format(oral=bundles / "oral" / "bundle") for x in words]
    done = subprocess.run(
        [sys.executable, "-m", "strandloom.cli.main", "serve", *command, "--port", "0"],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode in (1, 2)
    assert said in done.stderr
    assert "Traceback" not in done.stderr
