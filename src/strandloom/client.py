"""A running service from Python, with nothing but the standard library: ``Client("http://127.0.0.1:8000").predict(...)``."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from typing import IO, Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlencode
from urllib.request import Request, urlopen

from strandloom.errors import StrandloomError

_BUSY = (429, 503)
_JSON = "application/json"


class ServiceError(StrandloomError):
    """The service refused, or cannot be reached.

    Parameters
    ----------
    status
        HTTP status; 0: there was no answer.
    code
        The service's word for what was wrong.
    """

    def __init__(
        self, message: str, *, where: str | None = None, hint: str | None = None, status: int = 0, code: str = ""
    ) -> None:
        super().__init__(message, where=where, hint=hint)
        self.status, self.code = status, code


class Client:
    """A service that was started with ``strandloom serve``.

    Parameters
    ----------
    address
        Such as ``http://127.0.0.1:8000``.
    token
        Where it asks for one.
    timeout
        Seconds without a sign of life.
    tries
        How often a busy service (429, 503) is asked again.
    """

    def __init__(self, address: str, *, token: str | None = None, timeout: float = 60.0, tries: int = 5) -> None:
        self.address = address.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._timeout, self._tries = timeout, tries

    def models(self) -> list[dict[str, Any]]:
        """The models as they describe themselves: name, task, outputs, length …"""
        return list(self._json("/v1/models")["models"])

    def card(self, model: str) -> str:
        """The card of a model, Markdown."""
        with self._open(f"/v1/models/{quote(model)}/card") as answer:
            return answer.read().decode()

    def predict(
        self, model: str, sequences: Sequence[str | Mapping[str, Any]], *, rows: int = 1_000
    ) -> list[dict[str, Any]]:
        """Predict sequences in memory, some at a time.

        Parameters
        ----------
        sequences
            Texts, or mappings with ``id``, ``sequence`` and what the model reads beside it (of taxonomy models ``lat`` and ``lon``).
        rows
            Sequences of a request.

        Returns
        -------
        list of dict
            One a sequence, in order, as ``strandloom predict`` writes them; a sequence that cannot be read has ``id`` and ``error``.

        Raises
        ------
        ServiceError
            A request was refused.
        """
        found: list[dict[str, Any]] = []
        for start in range(0, len(sequences), rows):
            part = list(sequences[start : start + rows])
            named = [{"id": str(start + i + 1), "sequence": x} if isinstance(x, str) else x for i, x in enumerate(part)]
            found += self._json(f"/v1/models/{quote(model)}/predict", named)["results"]
        return found

    def predict_file(self, model: str, path: str | Path, *, sequence: str | None = None) -> Iterator[dict[str, Any]]:
        """Send a file (FASTA, FASTQ, CSV …, gzip or not) and get its rows one by one, while it is computed.

        Parameters
        ----------
        sequence
            The column of a table that holds the sequences.

        Raises
        ------
        ServiceError
            The file was refused, or its answer is not whole.
        """
        query = "?" + urlencode({"sequence": sequence}) if sequence else ""
        where = f"/v1/models/{quote(model)}/predict{query}"
        last: dict[str, Any] = {}
        with Path(path).open("rb") as body:
            headers = {"Content-Type": "application/octet-stream", "Content-Length": str(Path(path).stat().st_size)}
            with self._open(where, body, headers) as answer:
                for line in answer:
                    last = json.loads(line)
                    if "done" not in last:
                        yield last
        if not last.get("done"):
            problem = last.get("error", {})
            raise ServiceError(
                problem.get("message", "the answer ends too early"), where=str(path), hint=problem.get("hint"),
                code=problem.get("code", "cut_off"),
            )  # fmt: skip

    def composition(self, model: str, path: str | Path) -> dict[str, Any]:
        """Which environments the reads of a file come from, by a source model: ``shares`` with intervals, ``warnings``.

        Raises
        ------
        ServiceError
            The file was refused.
        """
        with Path(path).open("rb") as body:
            headers = {"Content-Type": "application/octet-stream", "Content-Length": str(Path(path).stat().st_size)}
            with self._open(f"/v1/models/{quote(model)}/composition", body, headers) as answer:
                return dict(json.loads(answer.read()))

    def explain(
        self, model: str, sequence: str, *, output: str | None = None, method: str = "deeplift"
    ) -> dict[str, Any]:
        """Which bases an answer rests on: ``contributions`` (L) and ``effects`` (L x ACGT) of one sequence.

        Raises
        ------
        ServiceError
            The request was refused.
        """
        body = {"sequence": sequence, "output": output, "method": method}
        return dict(self._json(f"/v1/models/{quote(model)}/explain", body))

    def variants(
        self, model: str, variants: Sequence[Mapping[str, Any]], *, outputs: Sequence[str] | None = None
    ) -> list[dict[str, Any]]:
        """Score variants (``chrom, pos, ref, alt``) on the genome of the service; one that cannot be scored has ``error``.

        Raises
        ------
        ServiceError
            The request was refused.
        """
        body = {"variants": list(variants), "outputs": None if outputs is None else list(outputs)}
        return list(self._json(f"/v1/models/{quote(model)}/variants", body)["results"])

    def _json(self, where: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        with self._open(where, data, {} if data is None else {"Content-Type": _JSON}) as answer:
            return json.loads(answer.read())  # what breaks here becomes a ServiceError there

    @contextmanager
    def _open(
        self, where: str, body: bytes | IO[bytes] | None = None, headers: Mapping[str, str] | None = None
    ) -> Iterator[Any]:
        url = self.address + where
        request = Request(url, data=body, headers={**self._headers, **(headers or {})})
        for attempt in range(self._tries):
            try:
                answer = urlopen(request, timeout=self._timeout)
                break
            except HTTPError as error:
                again = error.code in _BUSY and attempt + 1 < self._tries and not hasattr(body, "read")
                if not again:
                    raise _refused(error, url) from None
                asked = error.headers.get("Retry-After") or "1"
                time.sleep(min(float(asked), 30.0) if asked.isdigit() else 1.0)
            except (URLError, HTTPException, OSError) as error:
                reason = getattr(error, "reason", error)
                raise ServiceError(
                    f"the service cannot be reached: {reason}", where=url, hint="is `strandloom serve` running there?"
                ) from None
        with answer:
            try:
                yield answer
            except (HTTPException, OSError, ValueError) as error:
                raise ServiceError(f"the answer broke off: {type(error).__name__}", where=url, code="cut_off") from None


def _refused(error: HTTPError, url: str) -> ServiceError:
    try:
        problem = json.loads(error.read())["error"]
        message, hint, code = problem["message"], problem.get("hint"), problem["code"]
    except (ValueError, KeyError, TypeError):
        message, hint, code = f"HTTP {error.code}", None, "refused"
    return ServiceError(message, where=url, hint=hint, status=error.code, code=code)
