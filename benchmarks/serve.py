"""The service under load: latency of one sequence, throughput of batches and of a file beside the engine alone, memory over time.

Server and engine compute with one thread; the load comes from this process, on the other core. Networks with random weights: the speed is
that of trained ones.

Usage: python benchmarks/serve.py [--seconds 10] [--repeats 3] [--soak MINUTES]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from common import median, record
from strandloom.bundle import Bundle, Manifest, write_bundle
from strandloom.models.build import build
from strandloom.models.settings import MultiscaleSettings, ResidualSettings

LENGTH = 200
PACKAGES = ("torch", "fastapi", "uvicorn")
NETWORKS = {"multi-scale with attention": MultiscaleSettings(), "default (residual)": ResidualSettings()}
ENGINE = """
import sys, time, numpy as np
from strandloom.predict import load
predictor = load(sys.argv[1], threads=1)
codes = np.random.default_rng(1).integers(0, 4, (2048, int(sys.argv[2])), dtype=np.uint8)
lengths = np.full(len(codes), codes.shape[1], np.int32)
predictor.scores(codes, lengths)
for _ in range(int(sys.argv[3])):
    started = time.perf_counter()
    predictor.scores(codes, lengths)
    print(len(codes) / (time.perf_counter() - started))
"""


def bundle(folder: Path, model: Any) -> Path:
    """A bundle of two classes with random weights."""
    about = Manifest.model_validate(
        {
            "strandloom": "0",
            "name": "load",
            "task": "classes",
            "length": LENGTH,
            "labels": ("no", "yes"),
            "model": model,
        }
    )
    module = build(about.model, channels=4, length=LENGTH, outputs=2, seed=1)
    write_bundle(folder, Bundle(about, ({name: x.detach().numpy() for name, x in module.state_dict().items()},)))
    return folder


def texts(n: int, seed: int = 1) -> list[str]:
    """Random sequences."""
    return ["".join(row) for row in np.random.default_rng(seed).choice(list("ACGT"), (n, LENGTH))]


@contextmanager
def serving(folder: Path) -> Iterator[tuple[int, int]]:
    """A service of one thread: its process and its port."""
    words = ["-m", "strandloom.cli.main", "serve", f"load={folder}", "--port", "0", "--engine", "torch"]
    limits = ["--set", "limits.requests_per_minute=0"]
    process = subprocess.Popen(
        [sys.executable, *words, *limits], stderr=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    assert process.stderr is not None
    line = next(x for x in process.stderr if x.startswith("listening"))
    log = subprocess.Popen(["cat"], stdin=process.stderr, stdout=subprocess.DEVNULL)
    try:
        yield process.pid, int(line.rsplit(":", 1)[1])
    finally:
        process.terminate()
        process.wait(60)
        log.wait(60)


@asynccontextmanager
async def connection(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection that is kept open; the service may still be about to begin."""
    for _ in range(200):
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            break
        except OSError:
            await asyncio.sleep(0.1)
    try:
        yield reader, writer
    finally:
        writer.close()


async def post(
    link: tuple[asyncio.StreamReader, asyncio.StreamWriter], body: bytes, *, kind: str = "application/json"
) -> tuple[int, bytes]:
    """Send a body and read the whole answer: its status and content."""
    reader, writer = link
    head = f"POST /v1/models/load/predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
    await writer.drain()
    status = int((await reader.readline()).split()[1])
    headers = {}
    while (line := await reader.readline()) != b"\r\n":
        name, _, value = line.decode().partition(":")
        headers[name.lower()] = value.strip()
    if "content-length" in headers:
        return status, await reader.readexactly(int(headers["content-length"]))
    parts = []
    while size := int(await reader.readline(), 16):
        parts.append(await reader.readexactly(size))
        await reader.readexactly(2)
    await reader.readexactly(2)
    return status, b"".join(parts)


async def load(port: int, *, links: int, rows: int, seconds: float) -> tuple[float, list[float]]:
    """Rows a second and the seconds of each request, from so many connections at once."""
    bodies = [json.dumps(texts(rows, seed=i)).encode() for i in range(8)]
    spent: list[float] = []
    done = 0

    async def one(number: int, until: float) -> None:
        nonlocal done
        async with connection(port) as link:
            turn = number
            while time.perf_counter() < until:
                started = time.perf_counter()
                status, answer = await post(link, bodies[turn % len(bodies)])
                assert status == 200, answer[:300]
                spent.append(time.perf_counter() - started)
                done += rows
                turn += 1

    async with connection(port) as link:
        await post(link, bodies[0])
    started = time.perf_counter()
    await asyncio.gather(*(one(i, started + seconds) for i in range(links)))
    return done / (time.perf_counter() - started), spent


async def upload(port: int, rows: int) -> float:
    """Rows a second of a FASTA file."""
    body = "".join(f">r{i}\n{x}\n" for i, x in enumerate(texts(2048) * (rows // 2048))).encode()
    async with connection(port) as link:
        started = time.perf_counter()
        status, answer = await post(link, body, kind="text/plain")
        assert status == 200
        assert b'"done": true' in answer[-200:]
        return (rows // 2048 * 2048) / (time.perf_counter() - started)


async def soak(port: int, pid: int, minutes: float) -> list[tuple[float, float, int]]:
    """Mixed good and bad load: minutes, resident MiB and requests answered, every half minute."""
    good = [json.dumps(texts(n, seed=n)).encode() for n in (1, 7, 64)]
    bad = [
        b"{",
        b"[]",
        json.dumps(["ACGT", "J", 5, None]).encode(),
        b'{"sequences": 3}',
        json.dumps(["A" * 2_000_000]).encode(),
    ]
    files = [b">a\nACGT\n" * 500, b"%PDF", b"\x1f\x8bbroken", b">a\nAC!GT\n" * 200]
    until = time.perf_counter() + 60 * minutes
    answered = 0
    unforeseen: list[int] = []

    async def one(seed: int) -> None:
        nonlocal answered
        rng = np.random.default_rng(seed)
        while time.perf_counter() < until:
            async with connection(port) as link:
                for _ in range(50):
                    which = rng.integers(0, 10)
                    pool, kind = (
                        (good, "application/json")
                        if which < 6
                        else (bad, "application/json")
                        if which < 8
                        else (files, "text/plain")
                    )
                    status, _ = await post(link, pool[rng.integers(len(pool))], kind=kind)
                    if status >= 500 and status != 503:
                        unforeseen.append(status)
                    answered += 1

    async def watch() -> list[tuple[float, float, int]]:
        seen = []
        began = time.perf_counter()
        while time.perf_counter() < until:
            seen.append(((time.perf_counter() - began) / 60, resident(pid), answered))
            print(f"  {seen[-1][0]:.1f} min, {seen[-1][1]:.0f} MiB, {answered:,} requests", file=sys.stderr, flush=True)
            await asyncio.sleep(30)
        return seen

    seen, *_ = await asyncio.gather(watch(), *(one(i) for i in range(4)))
    assert not unforeseen, unforeseen[:10]
    return [*seen, (minutes, resident(pid), answered)]


def resident(pid: int) -> float:
    """Memory of a process, MiB."""
    line = next(x for x in Path(f"/proc/{pid}/status").read_text().splitlines() if x.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def engine(folder: Path, repeats: int) -> list[float]:
    """Sequences a second of the network alone, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", ENGINE, str(folder), str(LENGTH), str(repeats)],
        capture_output=True, text=True, check=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    return [float(x) for x in done.stdout.split()]


def main() -> None:
    """Measure, and write the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--soak", type=float, default=0, metavar="MINUTES")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        if asked.soak:
            folder = bundle(Path(place) / "soak", NETWORKS["multi-scale with attention"])
            with serving(folder) as (pid, port):
                seen = asyncio.run(soak(port, pid, asked.soak))
            rows = [
                {"minutes": f"{at:.1f}", "resident, MiB": f"{memory:.0f}", "requests answered": f"{answered:,}"}
                for at, memory, answered in seen[:: max(1, len(seen) // 12)]
            ]
            record("serve-soak", "Service: mixed good and bad load from four connections", rows, packages=PACKAGES)
            return
        lines = []
        for title, model in NETWORKS.items():
            folder = bundle(Path(place) / title.split()[0], model)
            alone, single, many, batches, files = [], [], [], [], []
            latency: list[float] = []
            crowd: list[float] = []
            for _ in range(asked.repeats):
                alone += engine(folder, 3)
                with serving(folder) as (_, port):
                    rate, spent = asyncio.run(load(port, links=1, rows=1, seconds=asked.seconds))
                    single.append(rate)
                    latency += spent
                    rate, spent = asyncio.run(load(port, links=16, rows=1, seconds=asked.seconds))
                    many.append(rate)
                    crowd += spent
                    batches.append(asyncio.run(load(port, links=8, rows=256, seconds=asked.seconds))[0])
                    files.append(asyncio.run(upload(port, 16384)))
            own = median(alone)

            def percentiles(spent: list[float]) -> str:
                cut = statistics.quantiles(spent, n=100)
                return f"{1000 * cut[49]:.1f} / {1000 * cut[98]:.1f}"

            lines.append(
                {
                    "network": title,
                    "engine alone, seq/s": own,
                    "one at a time, p50 / p99 ms": percentiles(latency),
                    "16 at a time, seq/s": median(many),
                    "their p50 / p99 ms": percentiles(crowd),
                    "8 x 256, seq/s": median(batches),
                    "of the engine": median(batches) / own,
                    "FASTA of 16,384, seq/s": median(files),
                    "of it": median(files) / own,
                }
            )
            print(lines[-1], file=sys.stderr, flush=True)
    record(
        "serve",
        f"Service: latency and throughput, sequences of {LENGTH} bases, torch in fp32 with one thread",
        lines,
        packages=PACKAGES,
        note=f"medians of {asked.repeats} rounds of {asked.seconds:.0f} s each; the load comes from the other core",
    )


if __name__ == "__main__":
    main()
