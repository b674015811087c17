"""The line under a table of scores that says how to read it."""

from __future__ import annotations

import pytest

from aezoo.cli import scores_table
from aezoo.evaluation.scores import Scores


def scores() -> Scores:
    metrics = {"fvu": 0.1, "latent_rank": 3.0, "denoising_psnr": 20.0, "elbo": -90.0}
    return Scores(metrics, {"pca": {"fvu": 0.2}}, "digits", "test", 10, 0, {})


def test_the_legend_says_what_is_better_and_which_figures_only_describe() -> None:
    line = scores_table.legend(scores().metrics)
    assert line == (
        "lower is better; of denoising_psnr higher is better; of elbo higher is better; latent_rank only describes:"
        " `aezoo components metric NAME` explains one"
    )


def test_a_terminal_shows_the_legend_and_a_pipe_does_not(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    scores_table.print_scores(scores())
    assert "lower is better" not in capsys.readouterr().out
    monkeypatch.setattr(scores_table, "width", lambda: 200)
    scores_table.print_scores(scores())
    assert capsys.readouterr().out.endswith("explains one\n")
