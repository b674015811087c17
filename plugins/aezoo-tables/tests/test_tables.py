"""A table with gaps, from its file to the cells that are filled in."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import aezoo
from aezoo.errors import DataError

COLUMNS = [
    {"kind": "gaussian"},
    {"kind": "categorical", "classes": 3},
    {"kind": "poisson"},
    {"kind": "ordinal", "classes": 4},
]
CLASSES = {"c": ["low", "middle", "top"]}


def table(n=400, seed=0):
    """A number of a large scale, a class, a count and an ordered class, all of one cause."""
    rng = np.random.default_rng(seed)
    group = rng.integers(0, 3, n)
    number = 1000.0 * group + 100 * rng.standard_normal(n) + 5000
    return np.stack([number, group, rng.poisson(1 + 6 * group), np.minimum(group + rng.integers(0, 2, n), 3)], axis=1)


def document(**slots):
    return {
        "name": "table",
        "input": {"shape": [4], "kind": "tabular", "normalize": "standardize", "observed": "fields.observed"},
        "fields": {"observed": {"shape": [4]}},
        "mask": "fields.observed",
        "encoder": [
            {"type": "tables:columns", "columns": COLUMNS},
            {"type": "join", "reads": "fields.observed"},
            {"type": "linear", "features": 32},
        ],
        "latent": {"type": "gaussian", "dim": 3},
        "decoder": [{"type": "linear", "features": 32}, {"type": "linear", "features": 6, "activation": "identity"}],
        "likelihood": {"type": "tables:mixed", "columns": COLUMNS},
        "regularizers": {"kl": {}},
        "training": {"steps": 300, "batch_size": 64, "optimizer": {"type": "adam", "lr": 1e-2}, "best_by": "last"},
        **slots,
    }


def written(path, cells, hidden=None):
    """The table as a CSV file with words for the classes of `c`, and nothing where a cell is hidden."""
    lines = ["a,c,n,o"]
    for row, cover in zip(cells, np.zeros(cells.shape, bool) if hidden is None else hidden, strict=True):
        texts = [f"{row[0]:.3f}", CLASSES["c"][int(row[1])], f"{row[2]:g}", f"{row[3]:g}"]
        lines.append(",".join("" if gone else text for gone, text in zip(cover, texts, strict=True)))
    path.write_text("\n".join(lines) + "\n")
    return {
        "type": "table",
        "path": str(path),
        "missing": "mask",
        "categories": CLASSES,
        "validation": 0.0,
        "test": 0.1,
    }


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """The table, which cells were hidden, and the run of a model that saw the others."""
    cells = table()
    hidden = np.random.default_rng(1).random(cells.shape) < 0.2
    hidden[hidden.all(axis=1)] = False
    path = tmp_path_factory.mktemp("table") / "t.csv"
    run = aezoo.train(document(data=written(path, cells, hidden)), device="cpu")
    return cells, hidden, run, path


def test_hidden_cells_are_filled_in_better_than_by_mean_and_mode(filled):
    cells, hidden, run, path = filled
    guess = run.model.reconstruct(path)
    for column in (0, 2):
        rows = hidden[:, column]
        error = np.square(guess[rows, column] - cells[rows, column]).mean()
        assert error < 0.6 * np.square(cells[~rows, column].mean() - cells[rows, column]).mean()
    for column, more in ((1, 0.2), (3, 0.05)):  # half of the ordered classes are a coin's
        rows = hidden[:, column]
        mode = np.bincount(cells[~rows, column].astype(int)).argmax()
        assert (guess[rows, column] == cells[rows, column]).mean() > (mode == cells[rows, column]).mean() + more


def test_standardization_leaves_classes_and_counts_as_they_are(filled):
    normalizer = filled[2].model.network.normalizer
    assert normalizer.shift[1:].tolist() == [0, 0, 0]
    assert normalizer.scale[1:].tolist() == [1, 1, 1]
    assert normalizer.scale[0].item() > 100


def test_the_reported_likelihood_is_that_of_the_data_in_their_units(filled):
    cells, hidden, run, path = filled
    model = run.model
    samples = aezoo.read(document(data=written(path, cells, hidden))).data.load()
    x, observed = (torch.tensor(array, dtype=torch.float32) for array in (samples.values, samples.fields["observed"]))
    with torch.no_grad():
        out = model.network(x, fields={"observed": observed})
        gaussian = model.network.likelihood.families[0]
        scale = model.network.normalizer.scale[0]
        mean = model.network.normalizer.shift[0] + scale * out.raw[:, 0]
        first = -torch.distributions.Normal(mean, scale * gaussian.log_scale.exp()).log_prob(x[:, 0])
        others = model.network.likelihood.nll_values(out.raw, out.target)[:, 1:]
        expected = (observed * torch.cat([first[:, None], others], dim=1)).sum(dim=1).mean().item()
    scores = aezoo.evaluate(model, samples, split="all")
    assert scores.metrics["nll"] == pytest.approx(expected, rel=1e-5)
    assert not {"mse", "fvu", "squared_error", "psnr"} & scores.metrics.keys()


def test_what_stands_in_a_hidden_cell_changes_nothing(filled):
    cells, hidden, run, _ = filled
    observed = (~hidden).astype(np.float32)
    one = np.where(hidden, 0, cells).astype(np.float32)
    two = np.where(hidden, [77.0, 2.0, 5.0, 3.0], one).astype(np.float32)
    scores = [run.model.score(x, by="reconstruction", fields={"observed": observed}) for x in (one, two)]
    np.testing.assert_array_equal(*scores)


@pytest.mark.parametrize("verb", ["encode", "reconstruct", "score"])
def test_a_class_that_there_is_none_of_is_refused_by_sample_and_column(filled, verb):
    rows = table(5).astype(np.float32)
    rows[3, 1] = 3
    with pytest.raises(DataError, match=r"sample 3, feature 1 .counted from 0.: 3 is not a whole number from 0 to 2"):
        getattr(filled[2].model, verb)(rows, fields={"observed": np.ones(4, np.float32)})


def test_a_row_without_any_value_is_refused(filled):
    observed = np.ones((5, 4), np.float32)
    observed[2] = 0
    with pytest.raises(DataError, match=r"sample 2: by field 'observed', no value of it counts"):
        filled[2].model.reconstruct(table(5).astype(np.float32), fields={"observed": observed})


def test_an_unknown_word_is_refused_when_the_model_is_used(filled, tmp_path):
    path = tmp_path / "new.csv"
    path.write_text("a,c,n,o\n5000,low,1,0\n5000,huge,1,0\n")
    with pytest.raises(DataError, match=r"line 3, column 'c': 'huge' is none of 'low', 'middle', 'top'"):
        filled[2].model.encode(path)


def test_counts_start_at_the_mean_of_what_the_first_batch_knows(tmp_path):
    cells = table(64)
    hidden = np.zeros(cells.shape, bool)
    hidden[:32, 2] = True
    spec = document(data={**written(tmp_path / "t.csv", cells, hidden), "test": 0.0})
    run = aezoo.train({**spec, "training": {"steps": 1, "batch_size": 64, "best_by": "last"}}, device="cpu")
    poisson = run.model.network.likelihood.families[2]
    assert poisson.unit.item() == pytest.approx(cells[32:, 2].mean(), rel=1e-6)
