"""The house's rules: imports go down, nothing heavy on the help path, what is public is documented."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "src" / "strandloom"
ROOT = PACKAGE.parents[1]

FLOORS: list[tuple[str, ...]] = [
    ("errors", "settings", "settings_file", "alphabet", "kmers", "pwm", "words"),
    ("io",),
    ("data",),
    ("models",),
    ("evaluation",),
    ("training",),
    ("bundle",),
    ("engines",),
    ("explain", "design"),
    ("report",),
    ("experiment",),
    ("run", "predict"),
    ("workflows",),
    ("serve",),
    ("studio", "scale"),
    ("cli",),
]
LEVEL = {room: level for level, rooms in enumerate(FLOORS) for room in rooms}


def _module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imports(path: Path) -> set[str]:
    """Every strandloom module that a file imports, also inside functions."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level == 0 and (node.module or "").startswith("strandloom"):
            assert node.module is not None
            found.add(node.module)
            if node.module == "strandloom":
                found.update(f"strandloom.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names if alias.name.startswith("strandloom"))
    return found


def _room(module: str) -> str | None:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in LEVEL else None


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_go_down(path: Path) -> None:
    """A module imports only from its own room and from floors below."""
    own = _room(_module_name(path))
    if own is None:  # the package's front door may reach every floor, lazily
        return
    for module in _imports(path):
        other = _room(module)
        if other is not None and other != own:
            assert LEVEL[other] < LEVEL[own] or (
                LEVEL[other] == LEVEL[own] and own in ("kmers", "pwm", "alphabet", "settings_file", "predict", "run")
            ), f"{own} imports {module}, which is not below it"


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_no_relative_imports(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        assert not (isinstance(node, ast.ImportFrom) and node.level), f"{path.name} uses a relative import"


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_no_environment_below_the_command_line(path: Path) -> None:
    """Environment variables are read by the command line only."""
    if path.is_relative_to(PACKAGE / "cli"):
        return
    assert not re.search(r"os\.environ|os\.getenv", path.read_text()), f"{path.name} reads the environment"


def _loaded(code: str) -> set[str]:
    program = f"import sys\n{code}\nprint('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(done.stdout.split("\n"))


@pytest.mark.parametrize(
    "arguments",
    [["--help"], *([verb, "--help"] for verb in ("train", "predict", "init", "explain"))],
    ids=" ".join,
)
def test_help_is_light(arguments: list[str]) -> None:
    """Help imports neither torch nor scikit-learn nor matplotlib."""
    code = (
        "from strandloom.cli.main import main\n"
        f"sys.argv = ['strandloom', *{arguments!r}]\n"
        "try:\n    main()\nexcept SystemExit:\n    pass"
    )
    loaded = _loaded(code)
    assert loaded.isdisjoint({"torch", "sklearn", "matplotlib", "scipy", "numba"})


def test_settings_are_light() -> None:
    """The experiment file is read and checked without torch."""
    assert "torch" not in _loaded("import strandloom.experiment")


def test_public_names_are_documented_and_importable() -> None:
    """``__all__`` of the package = the list in docs/api.md = what can be imported."""
    package = importlib.import_module("strandloom")
    documented = set(re.findall(r"^### `([A-Za-z_]+)", (ROOT / "docs" / "api.md").read_text(), re.MULTILINE))
    assert documented == set(package.__all__)
    for name in package.__all__:
        assert getattr(package, name).__doc__
