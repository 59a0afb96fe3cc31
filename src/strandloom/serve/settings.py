"""Settings of the service: where it listens, how much it takes at once, how it batches (torch-free)."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from strandloom.settings import Settings

Bytes = Annotated[int, Field(ge=1024)]
Count = Annotated[int, Field(ge=1)]
LOOPBACK = ("127.0.0.1", "localhost", "::1")


class LimitSettings(Settings):
    """What one request, and one caller, may ask for."""

    body_bytes: Bytes = 16 << 20
    """Longest JSON body."""
    upload_bytes: Bytes = 2 << 30
    """Largest file, as it is sent."""
    unpacked_bytes: Bytes = 16 << 30
    """Largest file when it is unpacked."""
    line_bytes: Bytes = 64 << 20
    """Longest line of a file."""
    rows: Count = 10_000
    """Most sequences of a JSON body; a file may have any number."""
    bases: Count = 1_000_000
    """Longest sequence of a JSON body, in letters."""
    requests_per_minute: Annotated[int, Field(ge=0)] = 6_000
    """Requests a minute of one token, or of one address where there are no tokens; 0: no limit."""
    explain_seconds: Annotated[float, Field(gt=0)] = 30.0
    """An explanation that would take longer is refused."""
    variants: Count = 1_000
    """Most variants of a request."""


class BatchSettings(Settings):
    """How the rows of many requests are computed together."""

    rows: Count = 1_024
    """Most rows of a batch; a request with more is a batch of its own."""
    wait_ms: Annotated[float, Field(ge=0, le=1_000)] = 0.0
    """How long a batch waits for more rows. 0: rows that come while a batch is computed form the next one, so nothing waits when idle."""
    queue_rows: Count = 50_000
    """Rows that may wait; more are told to come again later (503)."""


class ServeSettings(Settings):
    """A running service."""

    host: str = "127.0.0.1"
    """Address; any but this machine's own needs tokens."""
    port: Annotated[int, Field(ge=0, le=65_535)] = 8_000
    """Port; 0: any free one."""
    workers: Annotated[int, Field(ge=1, le=64)] = 1
    """Processes; each holds the models."""
    engine: str = "auto"
    """What computes the networks, as of ``strandloom predict``; auto: the fastest that the bundle holds and this machine has."""
    threads: Count | None = None
    """Threads of a process; null: the cores shared among the processes."""
    reload_seconds: Annotated[float, Field(ge=0)] = 2.0
    """How often bundles are looked at for a change; 0: never."""
    drain_seconds: Annotated[int, Field(ge=0)] = 30
    """How long open requests may go on after a stop is asked for."""
    log_sequences: bool = False
    """Whether sequences that cannot be read stand in the log."""
    limits: LimitSettings = LimitSettings()
    """What one request may ask for."""
    batch: BatchSettings = BatchSettings()
    """How rows are computed together."""

    @property
    def local(self) -> bool:
        """Whether only programs of this machine can reach it."""
        return self.host in LOOPBACK
