"""Runs side by side."""

from __future__ import annotations

import pytest

from strandloom.report.compare import (
    Setting,
    common_metric,
    one_test_set,
    render_comparison,
    setting_differences,
    summary,
    unique_names,
)
from strandloom.report.inputs import ReportInputs


def test_setting_differences():
    a = "name: a\nmodel:\n  kind: residual\n  depth: 4\ntraining:\n  epochs: 10\n"
    b = "name: b\nmodel:\n  kind: residual\ntraining:\n  epochs: 20\n"
    assert setting_differences([a, b]) == [
        Setting("name", ("a", "b")),
        Setting("model.depth", ("4", None)),
        Setting("training.epochs", ("10", "20")),
    ]
    assert setting_differences([a, a]) == []
    assert setting_differences(["", "[1, 2]", "a: ["]) == []


def other(make_inputs, make_evaluation, low, high, **changes):
    stored = make_evaluation(seeds=1)
    stored["model"]["matthews_corrcoef"] = {"value": (low + high) / 2, "low": low, "high": high}
    return make_inputs(evaluation=stored, **changes)


@pytest.mark.parametrize(
    ("low", "high", "words"), [(0.5, 0.6, "lie apart"), (0.68, 0.72, "overlap, so this may be chance")]
)
def test_summary(make_inputs, make_evaluation, low, high, words):
    runs = [other(make_inputs, make_evaluation, low, high), make_inputs()]
    found = summary(runs, ["first", "second"])
    assert found.startswith("second has the best MCC, 0.71 (0.69–0.73), ahead of first")
    assert words in found


def test_names_and_metrics(make_inputs):
    runs = [make_inputs(), make_inputs(), ReportInputs("z")]
    assert unique_names(runs) == ["human-promoters-300 (1)", "human-promoters-300 (2)", "z"]
    assert common_metric(runs) == "matthews_corrcoef"
    assert common_metric([ReportInputs("z")]) is None


def test_the_page(make_inputs, make_evaluation):
    runs = [
        make_inputs(),
        other(make_inputs, make_evaluation, 0.5, 0.6, name="<i>two</i>", experiment_yaml="name: two\n"),
        ReportInputs("bare"),
    ]
    html = render_comparison(runs)
    assert "3 runs compared" in html
    assert "&lt;i&gt;two&lt;/i&gt;" in html
    assert "<i>two" not in html
    assert "model.kind" in html
    assert 'id="all-roc-t"' in html
    assert "http" not in html
    assert render_comparison(runs) == html


def test_runs_of_different_kinds_and_sizes(make_inputs):
    html = render_comparison([make_inputs(), make_inputs(tuple("abcde"), name="five")], title="A title")
    assert "<title>A title</title>" in html


def test_different_test_sizes_are_said(make_inputs, make_evaluation):
    html = render_comparison([make_inputs(), make_inputs(evaluation=make_evaluation(rows=100))])
    assert "not judged on the same test rows" in html


def test_different_test_rows_are_not_ranked(make_inputs, make_evaluation):
    def runs(*hashes):
        first = other(make_inputs, make_evaluation, 0.5, 0.6, name="low", test_rows=hashes[0])
        return [first, make_inputs(name="high", test_rows=hashes[1])]

    same, different = runs("a", "a"), runs("a", "b")
    assert one_test_set(same)
    assert one_test_set(runs("a", ""))
    assert not one_test_set(different)
    assert summary(different, ["low", "high"]) == (
        "The runs were judged on different test rows, so none is best by MCC: high 0.71, low 0.55."
    )
    for words in ("more than chance", "Bold: best value", '<td class="best'):
        assert words in render_comparison(same)
        assert words not in render_comparison(different)
    assert "the bars do not say which run is better" in render_comparison(different)


def test_the_intervals_of_the_runs_are_named(make_inputs, make_evaluation):
    narrow, usual = make_inputs(evaluation={**make_evaluation(), "interval": 0.9}), make_inputs()
    nb = "\N{NO-BREAK SPACE}"
    html = render_comparison([narrow, narrow])
    assert f"Small figures: 90{nb}% intervals" in html
    assert f"MCC with 90{nb}% intervals" in html
    assert f"95{nb}% interval" not in html
    assert "different intervals" not in html
    html = render_comparison([usual, narrow])
    assert f"Small figures: 90{nb}% or 95{nb}% intervals" in html
    assert "different intervals" in html
