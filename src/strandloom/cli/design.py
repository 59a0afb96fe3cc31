"""``strandloom design``: from starts to sequences with the predicted value that is wanted."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from strandloom.design.settings import DesignSettings


class HowToDesign(StrEnum):
    """How designs are found."""

    greedy = "greedy"
    beam = "beam"
    genetic = "genetic"
    annealing = "annealing"
    gradient = "gradient"


class BrokenStarts(StrEnum):
    """What happens to a start that breaks a rule."""

    error = "error"
    repair = "repair"
    skip = "skip"


def design(
    bundle: Annotated[Path, typer.Argument(help="The bundle folder, such as RUN/bundle.", show_default=False)],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for designs and report.html.", show_default=False)],
    starts: Annotated[
        Path | None,
        typer.Option(
            "--starts", "--start", help="Sequences to begin from: FASTA, CSV, TSV, one a line …", show_default=False
        ),
    ] = None,
    random: Annotated[int, typer.Option(min=0, help="Random starts to draw.")] = 0,
    length: Annotated[
        int | None, typer.Option(min=1, help="Bases of random starts; the model's window.", show_default=False)
    ] = None,
    goal: Annotated[
        list[str] | None,
        typer.Option(
            help="max, min or a value; of several outputs NAME=max, with a weight NAME=max*2; may be given several times.",
            show_default="max",
        ),
    ] = None,
    method: Annotated[HowToDesign | None, typer.Option(help="How designs are found.", show_default="greedy")] = None,
    rounds: Annotated[int | None, typer.Option(min=1, help="Rounds at most.", show_default="40")] = None,
    trust: Annotated[
        bool, typer.Option("--trust", help="Refuse steps beyond what the model knows, instead of marking them.")
    ] = False,
    judge: Annotated[
        Path | None,
        typer.Option(help="A bundle that took no part in the design, to judge starts and designs.", show_default=False),
    ] = None,
    settings: Annotated[
        Path | None, typer.Option(help="YAML with goals, rules, trust …; see docs/design.md.", show_default=False)
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set", help="Change a setting: rules.max_edits=5; may be given several times.", show_default=False
        ),
    ] = None,
    broken_starts: Annotated[
        BrokenStarts | None,
        typer.Option(
            "--broken-starts",
            help="A start that breaks a rule: stop, change it first, or leave it out.",
            show_default="error",
        ),
    ] = None,
    sequence: Annotated[str | None, typer.Option(help="The sequence column of a table of starts.")] = None,
    engine: Annotated[str, typer.Option(help="What computes the networks, as for predict.")] = "torch",
    seed: Annotated[int | None, typer.Option(min=0, help="Seed of all draws.", show_default="1")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda …")] = "auto",
    force: Annotated[bool, typer.Option("--force", help="Replace an earlier design.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
) -> None:
    """Design sequences: change starts base by base until a model predicts the value that is wanted, inside rules and trust.

    Writes designs.tsv, designs.fasta, steps.tsv (each start's best, round by round), design.json and report.html.
    """
    from strandloom.cli.console import command_line, say, threads
    from strandloom.cli.console import out as say_out
    from strandloom.cli.progress import DesignProgress

    given: dict[str, Any] = {"goals": [read_goal(text) for text in goal]} if goal else {}
    for name, value in (
        ("method", method), ("rounds", rounds), ("broken_starts", broken_starts), ("seed", seed),
    ):  # fmt: skip
        if value is not None:
            given[name] = str(value) if isinstance(value, StrEnum) else value
    if trust:
        given["trust"] = {"limit": True}
    asked = read_design(settings, overrides=set_ or (), given=given)
    from strandloom.run.design import design_bundle

    with DesignProgress(quiet=quiet) as progress:
        found = design_bundle(
            bundle, out=out, starts=starts, random=random, length=length, settings=asked, judge=judge, sequence=sequence,
            engine=engine, device=device, threads=threads(), force=force, command=command_line(), say=say, tell=progress.tell,
        )  # fmt: skip
    for start, why in found.without[:5]:
        say(f"no design of start '{start}': {why}")
    say_out(found.sentence)
    say_out(f"report: {out / 'report.html'}")


def read_goal(text: str) -> dict[str, Any]:
    """``max``, ``-0.5``, ``NAME=min`` or ``NAME=max*2`` as the settings of a goal.

    Raises
    ------
    UsageError
        It is none of these.
    """
    from strandloom.errors import UsageError

    name, equals, rest = text.rpartition("=")
    aim, star, weight = rest.partition("*")
    aim = aim.strip()
    try:
        found: dict[str, Any] = {"aim": aim if aim in ("max", "min") else float(aim)}
        if star:
            found["weight"] = float(weight)
    except ValueError:
        raise UsageError(
            f"`{text}` is no goal", where="--goal", hint="max, min, a value; or NAME=max, NAME=0.5*2 (with a weight)"
        ) from None
    if equals:
        found["output"] = name.strip()
    return found


def read_design(path: Path | None, *, overrides: list[str] | tuple[()], given: dict[str, Any]) -> DesignSettings:
    """Settings of a YAML file, with what the options say instead.

    Raises
    ------
    SettingsError
        A setting is unknown or wrong.
    """
    from strandloom.design.settings import DesignSettings
    from strandloom.settings_file import SettingsFile, override, read_settings_file

    file = (
        SettingsFile({}, "design", {}, {})
        if path is None
        else read_settings_file(path, what="design file", hint="docs/design.md shows one")
    )
    for key, value in given.items():
        old = file.raw.get(key)
        file.raw[key] = {**old, **value} if isinstance(old, dict) and isinstance(value, dict) else value
    return override(file, overrides).check(DesignSettings)
