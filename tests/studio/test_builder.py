"""The block builder: shapes and weights live, mistakes on the block, YAML both ways."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strandloom.errors import SettingsError, UsageError
from strandloom.studio import builder as b

YEAST = b.PRESETS["three convolutions, block by block"]


def shapes(model: dict[str, Any], *, length: int = 50) -> list[str]:
    return [line.shape for line in b.build(model, length=length, outputs=1).lines]


def test_the_yeast_network_has_the_shapes_of_the_tutorial() -> None:
    built = b.build(YEAST, length=50, outputs=1)
    assert built.sound
    assert [line.shape for line in built.lines if line.block in ("conv", "flatten")] == ["(58, 128)"] * 3 + ["(7424,)"]
    assert built.parameters == 908_289
    replication = YEAST
    for path in ((4,), (7,)):
        replication = b.change(replication, path, "padding", "valid")
    found = [
        line.shape for line in b.build(replication, length=50, outputs=1).lines if line.block in ("conv", "flatten")
    ]
    assert found == ["(58, 128)", "(46, 128)", "(34, 128)", "(4352,)"]


def test_a_wiring_mistake_stands_on_its_block() -> None:
    built = b.build(b.move(YEAST, (0,), by=11), length=50, outputs=1)
    assert not built.sound
    (guilty,) = [line for line in built.lines if line.problem]
    assert (guilty.path, guilty.block) == ((11,), "pad")
    assert "flat vector of 64" in guilty.problem
    assert built.lines[10].shape == "(64,)"  # those before it still have theirs
    assert built.lines[12].shape == ""


@pytest.mark.parametrize(
    ("path", "name", "value", "words"),
    [((1,), "width", -3, "width: input should be"), ((3,), "rate", 2, "rate"), ((1,), "filters", "many", "filters")],
)
def test_a_wrong_setting_stands_on_its_block(path: b.Path, name: str, value: Any, words: str) -> None:
    built = b.build(b.change(YEAST, path, name, value), length=50, outputs=1)
    (guilty,) = [line for line in built.lines if line.problem]
    assert guilty.path == path
    assert words in guilty.problem


def test_mistakes_inside_branches_stand_there() -> None:
    model = b.add(YEAST, "parallel", where=(4,))
    built = b.build(b.change(model, (4, "branches", 1, 0), "width", 1000), length=50, outputs=1)
    assert [line.shape for line in built.lines[:4]] == ["(70, 4)", "(58, 128)", "(58, 128)", "(58, 128)"] or built.sound
    broken = b.change(model, (4, "branches", 1, 0), "padding", "valid")
    built = b.build(broken, length=50, outputs=1)
    (guilty,) = [line for line in built.lines if line.problem]
    assert guilty.block == "parallel"
    assert "branch 1 gives 44 positions" in guilty.problem


def test_a_mistake_of_the_whole_is_said_of_the_whole() -> None:
    built = b.build({"kind": "layers", "blocks": [{"block": "conv", "filters": 3, "width": 3}]}, length=50, outputs=2)
    assert "flat vector" in built.problem
    assert [line.shape for line in built.lines] == ["(50, 3)"]
    assert (
        "141" in b.build({"kind": "deepsea"}, length=50, outputs=2).problem
        or b.build({"kind": "deepsea"}, length=50, outputs=2).problem
    )


@pytest.mark.parametrize("name", b.PRESETS)
def test_every_preset_can_be_built_and_written(name: str) -> None:
    model = b.PRESETS[name]
    assert b.build(model, length=1000, outputs=3).sound
    assert b.from_yaml(b.to_yaml(model)) == model


@pytest.mark.parametrize("kind", b.KINDS)
def test_every_block_can_be_added_and_shown(kind: str) -> None:
    model = b.add(YEAST, kind, where=(1,))
    assert b.at(model, (1,))["block"] == kind
    built = b.build(model, length=50, outputs=1)
    assert [line.block for line in built.lines if len(line.path) == 1][1] == kind
    assert b.remove(model, (1,)) == YEAST
    assert set(b.fields_of(kind)) <= set(b.KINDS[kind].model_fields)


def test_editing_leaves_the_original_alone() -> None:
    before = b.to_yaml(YEAST)
    model = b.add(YEAST, "parallel", where=(2,))
    model = b.add_branch(model, (2,))
    model = b.add(model, "norm", where=(2, "branches", 2, 1))
    model = b.paste(model, b.at(model, (2,)), where=(3,))
    model = b.move(model, (3, "branches", 2, 1), by=-1)
    assert b.at(model, (3, "branches", 2, 0)) == {"block": "norm"}
    assert b.at(model, (2, "branches", 2, 1)) == {"block": "norm"}
    assert b.to_yaml(YEAST) == before


@pytest.mark.parametrize("path", [(99,), (0, "branches", 0, 0), (-1,), (0, "x", 1), ("a",)])
def test_places_that_are_none(path: Any) -> None:
    with pytest.raises(UsageError, match="no block at this place"):
        b.remove(YEAST, path)


@pytest.mark.parametrize(
    "text",
    [
        "{", "[]", "3", "model: {kind: magic}", "kind: layers", "{kind: layers, blocks: [3]}", "{kind: layers, blocks: [{block: x}]}",
        "{kind: layers, blocks: [{block: parallel, branches: 3}]}", "!!python/object/apply:os.system [ls]",
    ],
)  # fmt: skip
def test_texts_that_are_no_model(text: str) -> None:
    with pytest.raises(SettingsError):
        b.from_yaml(text)


@given(st.lists(st.sampled_from(sorted(b.KINDS)), min_size=1, max_size=6), st.integers(1, 60))
def test_any_list_of_blocks_is_sound_or_says_what_is_wrong(kinds: list[str], length: int) -> None:
    model: dict[str, Any] = {"kind": "layers", "blocks": []}
    for i, kind in enumerate(kinds):
        model = b.add(model, kind, where=(i,))
    built = b.build(model, length=length, outputs=1)
    assert built.sound != (bool(built.problem) or any(line.problem for line in built.lines))
