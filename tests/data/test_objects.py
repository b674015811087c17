"""Torch datasets, DataLoaders and lists of PIL images as data: the very values, or a refusal in words."""

from __future__ import annotations

import tomllib

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset, IterableDataset, Subset, SubsetRandomSampler, TensorDataset

import aezoo
from aezoo.data.objects import samples_from
from aezoo.data.sources import open_samples
from aezoo.errors import DataError, DataWarning, UsageError

X = np.random.default_rng(0).random((40, 6), dtype=np.float32)
SPEC = """
name = "small"
input = [6]
encoder = [{ type = "linear", features = 4 }]
latent = { type = "deterministic", dim = 1 }
decoder = "mirror"
likelihood = { type = "mse" }
training = { steps = 3, batch_size = 8 }
"""


def parse(text):
    return aezoo.read(tomllib.loads(text))


class Listed(Dataset):
    def __init__(self, items):
        self.items = items

    def __len__(self):
        return len(self.items)

    def __getitem__(self, number):
        item = self.items[number]
        if isinstance(item, Exception):
            raise item
        return item


class Endless(IterableDataset):
    def __iter__(self):
        yield torch.zeros(6)


def read(source):
    return samples_from(source, lambda tensor: tensor.numpy())


def test_items_of_a_dataset_keep_values_and_labels():
    samples = read(Listed([(torch.from_numpy(row), number % 3) for number, row in enumerate(X)]))
    assert np.array_equal(samples.values, X)
    assert samples.fields["label"].tolist() == [number % 3 for number in range(40)]
    assert samples.fields["label"].dtype == np.int64
    assert samples.source == "torch dataset Listed"


@pytest.mark.parametrize(
    "wrap", [lambda row: torch.from_numpy(row), lambda row: row, lambda row: (torch.from_numpy(row),)]
)
def test_items_without_labels(wrap):
    samples = read(Listed([wrap(row) for row in X]))
    assert np.array_equal(samples.values, X)
    assert "label" not in samples.fields


def test_labels_that_are_tensors_or_no_whole_numbers():
    assert read(TensorDataset(torch.from_numpy(X), torch.arange(40))).labels.tolist() == [*range(40)]
    samples = read(TensorDataset(torch.from_numpy(X), torch.linspace(0, 1, 40)))
    assert samples.labels is None
    assert np.array_equal(samples.fields["label"], torch.linspace(0, 1, 40).double().numpy())


def test_a_loader_gives_its_dataset_in_its_own_order_and_says_so():
    loader = DataLoader(TensorDataset(torch.from_numpy(X)), batch_size=7, shuffle=True, drop_last=True)
    with pytest.warns(DataWarning, match="its order and its batches are not used"):
        samples = read(loader)
    assert np.array_equal(samples.values, X)


def test_images_are_bytes_with_channels_first():
    grey = np.arange(6, dtype=np.uint8).reshape(2, 3)
    assert np.array_equal(read([Image.fromarray(grey)] * 2).values, np.stack([grey] * 2))
    colour = np.arange(18, dtype=np.uint8).reshape(2, 3, 3)
    samples = read([Image.fromarray(colour)])
    assert np.array_equal(samples.values[0], np.moveaxis(colour, -1, 0))
    assert samples.source == "list of PIL images"
    pairs = read(Listed([(Image.fromarray(grey), 4)]))
    assert np.array_equal(pairs.values[0], grey)
    assert pairs.labels.tolist() == [4]


def test_a_channel_axis_is_added_where_the_input_has_one():
    spec = parse(SPEC.replace("[6]", "[1, 2, 3]").replace("encoder = [", 'encoder = [{ type = "flatten" }, '))
    assert open_samples([Image.new("L", (3, 2))] * 2, spec).shape == (1, 2, 3)


def test_all_verbs_take_a_dataset_and_agree_with_its_array(tmp_path):
    dataset = TensorDataset(torch.from_numpy(X), torch.arange(40) % 2)
    models = [aezoo.train(parse(SPEC), data, device="cpu").model for data in (X, dataset)]
    assert np.array_equal(models[0].encode(X), models[1].encode(dataset))
    assert aezoo.evaluate(models[1], dataset).metrics == aezoo.evaluate(models[0], X).metrics
    assert aezoo.evaluate(models[1], dataset).dataset == "torch dataset TensorDataset"


@pytest.mark.parametrize(
    ("source", "error", "message"),
    [
        (Listed([]), DataError, "torch dataset Listed: holds no samples"),
        (Endless(), UsageError, "have no numbers"),
        (DataLoader(Endless()), UsageError, "have no numbers"),
        (Listed([X[0], ValueError("cut file")]), DataError, "item 1 cannot be read: ValueError: cut file"),
        (Listed([X[0], X[1, :5]]), DataError, "item 1 is 5 of float32, item 0 is 6 of float32"),
        (Listed([X[0], X[1].astype("f8")]), DataError, "item 1 is 6 of float64, item 0 is 6 of float32"),
        (Listed([(X[0], 1), X[1]]), DataError, "item 1 has no label, others have one"),
        (Listed([X[0], (X[1], 1)]), DataError, "item 0 has no label, others have one"),
        (Listed([(X[0], 1, 2)]), DataError, "item 0: holds 3 things"),
        (Listed([(X[0], "cat")]), DataError, "item 0: its label is 'cat', not one number"),
        (Listed([(X[0], torch.ones(2))]), DataError, "not one number"),
        (Listed([{"image": X[0]}]), DataError, "item 0: is a dict"),
        ([Image.new("P", (2, 2))], DataError, "item 0: an image of mode 'P'"),
        ([Image.new("L", (2, 2)), Image.new("L", (3, 2))], DataError, "item 1 is 2x3 of uint8, item 0 is 2x2"),
        (Image.new("L", (2, 2)), UsageError, "data are one PIL image"),
        (
            DataLoader(Listed([X[0]] * 4), sampler=SubsetRandomSampler([0, 1])),
            UsageError,
            "has a sampler of its own, which is not used",
        ),
        (DataLoader(Listed([X[0]] * 4), collate_fn=list), UsageError, "collate_fn of its own, which is not used"),
    ],
)
@pytest.mark.filterwarnings("ignore:.*order and its batches")
def test_refusals(source, error, message):
    with pytest.raises(error) as caught:
        read(source)
    assert message in str(caught.value)


def test_what_a_sampler_meant_is_passed_as_a_subset():
    assert np.array_equal(read(Subset(TensorDataset(torch.from_numpy(X)), [3, 1])).values, X[[3, 1]])


def test_other_lists_are_refused_as_before():
    with pytest.raises(UsageError, match="data are a list"):
        open_samples([1.0, 2.0], parse(SPEC))
