"""The studio over HTTP without a browser: who may come in, uploads, exports, deployments."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, Request, build_opener

import pytest
from tiny_runs import SETTINGS

from strandloom.errors import BundleError, InputError, UsageError
from strandloom.experiment import read_experiment
from strandloom.serve.tokens import TokenFile
from strandloom.studio.progress import read_curves
from strandloom.studio.settings import StudioSettings
from strandloom.studio.studio import Studio, check_role
from strandloom.studio.workspace import Workspace

PAGES = (
    "/",
    "/data",
    "/data/1",
    "/models",
    "/runs",
    "/runs/new",
    "/runs/1",
    "/compare",
    "/playground",
    "/samples",
    "/samples/x",
    "/answers/x",
    "/deploy",
    "/ask/x",
)
HIDDEN = (
    "/studio/answers/x/report.html",
    "/v1/models",
    "/metrics",
    "/openapi.json",
    "/studio/runs/1/report.html",
    "/studio/runs/1/export",
)


class _Stay(HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:  # type: ignore[override]
        return None


def ask(
    url: str, *, data: bytes | None = None, headers: dict[str, str] | None = None
) -> tuple[int, bytes, dict[str, str]]:
    """Status, body and headers of an answer; redirections are not followed."""
    request = Request(url, data=data, headers=headers or {})
    try:
        with build_opener(_Stay).open(request, timeout=30) as answer:
            return answer.status, answer.read(), dict(answer.headers)
    except HTTPError as error:
        return error.code, error.read(), dict(error.headers)


def test_a_stranger_gets_nothing_and_a_token_opens_the_door(tmp_path: Path, studio_process: Any) -> None:
    tokens = TokenFile(tmp_path / "tokens.json")
    editor, viewer = tokens.add("Ada", role="editor"), tokens.add("Vic")
    with studio_process(tmp_path / "studio", "--token-file", tokens.path) as (_, address):
        for page in PAGES:
            for header in ({}, {"cookie": "strandloom_studio=wrong"}):
                status, body, headers = ask(address + page, headers={"accept": "text/html", **header})
                assert status == 303, page
                assert headers["location"].startswith("/login?to=")
                assert body == b""
                assert ask(address + page, headers={"authorization": "Bearer wrong", **header})[0] == 401
        for page in HIDDEN:
            assert ask(address + page)[0] == 401, page
            assert ask(address + page, headers={"authorization": "Bearer wrong"})[0] == 401
        assert ask(address + "/studio/upload", data=b"x")[0] == 401
        assert ask(address + "/v1/models/x/predict", data=b"[]")[0] == 401
        assert ask(address + "/share/wrong", headers={"accept": "text/html"})[0] == 200  # an empty page
        assert b"This link shows nothing" in ask(address + "/share/wrong", headers={"accept": "text/html"})[1]
        assert ask(address + "/login", data=b"token=wrong&to=/")[0] == 401
        status, _, headers = ask(address + "/login", data=f"token={viewer}&to=//evil.example".encode())
        assert (status, headers["location"]) == (303, "/")
        assert "HttpOnly" in headers["set-cookie"]
        assert "SameSite=strict" in headers["set-cookie"]
        cookie = {"cookie": headers["set-cookie"].split(";")[0]}
        for page in PAGES[:13]:
            assert ask(address + page, headers={"accept": "text/html", **cookie})[0] == 200, page
        assert ask(address + "/studio/upload", data=b"x", headers=cookie)[0] == 403  # viewers do not change
        upload = ask(
            address + "/studio/upload",
            data=b">a\nACGT\n",
            headers={"authorization": f"Bearer {editor}", "x-name": "../../a.fa"},
        )
        assert upload[0] == 200
        assert b'"name":"a.fa"' in upload[1].replace(b" ", b"")
        assert not list((tmp_path / "studio" / "uploads").glob(".*.part"))
        tokens.revoke("Vic")
        assert ask(address + "/data", headers={"accept": "text/html", **cookie})[0] == 303
        ask(address + "/logout", headers=cookie)


def test_pages_of_other_sites_may_not_ask(tmp_path: Path, studio_process: Any) -> None:
    with studio_process(tmp_path / "studio") as (process, address):
        assert ask(address + "/", headers={"host": "evil.example"})[0] == 403
        assert ask(address + "/studio/upload", data=b"x", headers={"origin": "http://evil.example"})[0] == 403
        for page in PAGES:
            assert ask(address + page, headers={"accept": "text/html"})[0] == 200, page
        body = ask(address + "/data", headers={"accept": "text/html"})[1]
        assert b"http://" not in body.replace(b"http://www.w3.org", b"").replace(
            address.encode(), b""
        )  # nothing from elsewhere
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


def test_two_studios_do_not_share_a_folder(tmp_path: Path, studio_process: Any) -> None:
    words = [sys.executable, "-m", "strandloom.cli.main", "studio", str(tmp_path / "studio"), "--port", "0"]
    with studio_process(tmp_path / "studio"):
        second = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    assert second.returncode != 0
    assert "another studio works in this folder" in second.stderr


def test_mistakes_are_one_message(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        cases = (
            ([tmp_path / "full", "--port", "0"], "other things"),
            ([tmp_path / "new", "--host", "0.0.0.0", "--port", "0"], "tokens are needed"),
            ([tmp_path / "new", "--port", str(taken.getsockname()[1])], "in use"),
            ([tmp_path / "new", "--token-file", tmp_path / "none.json"], "no token"),
        )
        for words, said in cases:
            done = subprocess.run(
                [sys.executable, "-m", "strandloom.cli.main", "studio", *map(str, words)],
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            assert said in done.stderr
            assert "Traceback" not in done.stderr
            assert done.returncode in (1, 2)


@pytest.fixture
def studio(space: Workspace, monkeypatch: pytest.MonkeyPatch) -> Iterator[Studio]:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    found = Studio(space, StudioSettings(threads=1))
    yield found
    found.close()


@pytest.fixture
def finished(studio: Studio, table: Path, tmp_path: Path) -> int:
    """A run that has ended."""
    path = tmp_path / "exp.yaml"
    path.write_text(SETTINGS)
    number = studio.queue.create(read_experiment(path, [f"data.table={table}"]), project=1, version=None, author="Ada")
    studio.queue.start(number)
    for _ in range(600):
        studio.queue.step()
        if studio.queue.look(number).run.state != "running":
            break
        time.sleep(0.1)
    assert studio.queue.look(number).run.state == "completed", studio.queue.look(number).run.message
    return number


def test_a_run_is_deployed_shared_exported_and_imported(studio: Studio, finished: int, tmp_path: Path) -> None:
    deployment = studio.deploy(finished, "My model!", author="Ada")
    assert deployment.name == "my-model"
    with pytest.raises(UsageError, match="already"):
        studio.deploy(finished, "my model", author="Ada")
    studio.switch(deployment.id, on=True)
    assert studio.models.find("my-model").manifest.name == "tiny"
    with pytest.raises(UsageError, match="is on"):
        studio.undeploy(deployment.id)
    with pytest.raises(UsageError, match="deployed"):
        studio.queue.delete(finished)
    secret = studio.share(finished, author="Ada")
    assert studio.shared(secret) == finished
    assert studio.shared("wrong") is None
    studio.unshare(studio.shares(finished)[0].id)
    assert studio.shared(secret) is None
    packed = studio.pack(finished, tmp_path / "run.zip")
    number = studio.unpack(packed, project=1, author="Bob")
    imported = studio.queue.look(number)
    assert imported.verdict == studio.queue.look(finished).verdict
    assert imported.folder.predictions.is_file()
    assert read_curves(imported.folder.path)
    manifest = studio.queue.look(finished).folder.bundle / "bundle.json"
    studio.switch(deployment.id, on=False)
    manifest.write_text(manifest.read_text() + "\n")
    with pytest.raises(BundleError, match="changed after it was deployed"):
        studio.switch(deployment.id, on=True)
    studio.accept(deployment.id)
    studio.switch(deployment.id, on=True)
    studio.switch(deployment.id, on=False)
    studio.undeploy(deployment.id)
    assert studio.deployments() == []


@pytest.mark.parametrize(
    "names", [["../evil"], ["experiment.yaml"], ["bundle/../../x", "experiment.yaml"], ["/etc/passwd"], []]
)
def test_files_that_are_no_exported_run(studio: Studio, tmp_path: Path, names: list[str]) -> None:
    path = tmp_path / "bad.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, "name: x\n")
    with pytest.raises(InputError):
        studio.unpack(path, project=1, author="Bob")
    assert not list(studio.space.uploads.iterdir())
    assert not list(studio.space.runs.iterdir())


def test_a_damaged_file(studio: Studio, finished: int, tmp_path: Path) -> None:
    packed = studio.pack(finished, tmp_path / "run.zip")
    data = bytearray(packed.read_bytes())
    data[len(data) // 2] ^= 0xFF
    packed.write_bytes(data)
    with pytest.raises(InputError):
        studio.unpack(packed, project=1, author="Bob")


def test_what_is_no_zip(studio: Studio, table: Path) -> None:
    with pytest.raises(InputError, match="no exported run"):
        studio.unpack(table, project=1, author="Bob")


def test_roles(studio: Studio, tmp_path: Path) -> None:
    tokens = TokenFile(tmp_path / "tokens.json")
    token = tokens.add("Vic")
    studio.tokens = tokens
    cookie = studio.login(token)
    assert cookie is not None
    caller = studio.caller_of(cookie)
    assert caller is not None
    check_role(studio, caller, role="viewer")
    with pytest.raises(UsageError, match="viewers may look"):
        check_role(studio, caller)
    tokens.revoke("Vic")
    assert studio.caller_of(cookie) is None
    with pytest.raises(UsageError, match="taken back"):
        check_role(studio, caller, role="viewer")


def test_projects(studio: Studio) -> None:
    assert [x.name for x in studio.projects()] == ["My project"]
    studio.add_project("Fish")
    with pytest.raises(UsageError, match="already"):
        studio.add_project(" Fish ")
    with pytest.raises(UsageError, match="needs a name"):
        studio.add_project("  ")
