"""Settings of the studio (torch-free)."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from strandloom.serve.settings import LOOPBACK, BatchSettings, LimitSettings, ServeSettings
from strandloom.settings import Settings


class StudioSettings(Settings):
    """A running studio."""

    host: str = "127.0.0.1"
    """Address; any but this machine's own needs tokens."""
    port: Annotated[int, Field(ge=0, le=65_535)] = 8_080
    """Port; 0: any free one."""
    database: str | None = None
    """SQLAlchemy URL of what run folders do not hold; null: SQLite in the workspace."""
    at_once: Annotated[int, Field(ge=1, le=64)] = 1
    """Trainings at the same time; the others wait in the queue."""
    https: bool = False
    """Whether a proxy in front of it speaks TLS: cookies then travel over https alone."""
    threads: Annotated[int, Field(ge=1)] | None = None
    """Threads of deployed models; null: as many as the machine has cores."""
    upload_bytes: Annotated[int, Field(ge=1024)] = 16 << 30
    """Largest file that is taken."""
    limits: LimitSettings = LimitSettings()
    """Of requests to deployed models."""
    batch: BatchSettings = BatchSettings()
    """How rows of requests are computed together."""

    @property
    def local(self) -> bool:
        """Whether only this machine can reach it."""
        return self.host in LOOPBACK

    def serving(self) -> ServeSettings:
        """The same as settings of a service."""
        return ServeSettings(host=self.host, port=self.port, threads=self.threads, limits=self.limits, batch=self.batch)
