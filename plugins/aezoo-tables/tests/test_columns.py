"""The first layer of a table's encoder."""

from __future__ import annotations

import torch
from aezoo_tables.layers import ColumnsSpec

COLUMNS = [
    {"kind": "ordinal", "classes": 5},
    {"kind": "categorical", "classes": 3},
    {"kind": "gaussian"},
    {"kind": "zinb"},
    {"kind": "categorical", "classes": 2},
]
X = torch.tensor([[0.0, 2.0, -1.5, 0.0, 1.0], [4.0, 0.0, 0.5, 9.0, 0.0], [3.0, 1.0, 0.0, 1.0, 1.0]])
#: Numbers, counts, ordered classes, and the classes of both columns.
PLAIN = torch.tensor(
    [[-1.5, 0.0, -1.0], [0.5, torch.log(torch.tensor(10.0)), 1.0], [0.0, torch.log(torch.tensor(2.0)), 0.5]]
)
FIRST, SECOND = torch.tensor([2, 0, 1]), torch.tensor([1, 0, 1])


def layer(**settings):
    return ColumnsSpec.model_validate({"columns": COLUMNS, **settings})


def test_classes_are_one_hot_and_counts_logarithms():
    one_hot = [torch.nn.functional.one_hot(FIRST, 3), torch.nn.functional.one_hot(SECOND, 2)]
    torch.testing.assert_close(layer().build((5,))(X), torch.cat([PLAIN, *one_hot], dim=1))
    assert layer().output_shape((5,)) == (8,)


def test_with_a_dim_each_class_has_a_learned_vector():
    module = layer(dim=4).build((5,))
    expected = torch.cat([PLAIN, module.vectors[:3][FIRST], module.vectors[3:][SECOND]], dim=1)
    torch.testing.assert_close(module(X), expected)
    assert layer(dim=4).output_shape((5,)) == (11,)
    assert layer(dim=4).parameters((5,)) == module.vectors.numel() == 20


def test_a_class_between_two_others_is_a_mixture_of_them():
    x = X[:1].clone()
    x[0, 1] = 1.25
    torch.testing.assert_close(layer().build((5,))(x)[0, 3:6], torch.tensor([0.0, 0.75, 0.25]))


def test_its_data_are_what_the_columns_say():
    assert [str(domain) for domain in layer().domains((5,))] == [
        "a whole number from 0 to 4",
        "a whole number from 0 to 2",
        "a number",
        "a whole number from 0",
        "a whole number from 0 to 1",
    ]
