"""The fingerprint of samples: the same for the same values, another for any other bit of them."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from aezoo.data import fingerprint as module
from aezoo.data.fingerprint import fingerprint
from aezoo.spec.samples import Samples

VALUES = np.arange(24, dtype=np.float32).reshape(4, 2, 3)


def test_it_is_the_sha256_of_type_shape_and_bytes() -> None:
    expected = sha256(b"values <f4 (4, 2, 3)\n" + VALUES.tobytes()).hexdigest()
    assert fingerprint(Samples(VALUES, "here")) == expected
    assert fingerprint(Samples(VALUES, "elsewhere")) == expected


@pytest.mark.parametrize("piece", [1, 24, 25, 1 << 20])
def test_pieces_and_order_in_memory_change_nothing(monkeypatch: pytest.MonkeyPatch, piece: int) -> None:
    whole = fingerprint(Samples(VALUES, "a"))
    monkeypatch.setattr(module, "PIECE", piece)
    assert fingerprint(Samples(VALUES, "a")) == whole
    assert fingerprint(Samples(np.asfortranarray(VALUES), "a")) == whole


def test_a_mapped_file_has_the_fingerprint_of_its_values(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", VALUES)
    mapped = np.load(tmp_path / "a.npy", mmap_mode="r")
    assert fingerprint(Samples(mapped, "a")) == fingerprint(Samples(VALUES, "a"))


def test_another_value_type_shape_field_or_split_is_another_fingerprint() -> None:
    other = VALUES.copy()
    other[3, 1, 2] = np.nextafter(other[3, 1, 2], np.float32(99))
    labels = np.arange(4)
    seen = {
        fingerprint(Samples(VALUES, "a")),
        fingerprint(Samples(other, "a")),
        fingerprint(Samples(VALUES.astype(np.float64), "a")),
        fingerprint(Samples(VALUES.reshape(4, 3, 2), "a")),
        fingerprint(Samples(VALUES, "a", labels=labels), ["label"]),
        fingerprint(Samples(VALUES, "a", labels=labels[::-1]), ["label"]),
        fingerprint(Samples(VALUES, "a", splits={"test": np.array([0])})),
        fingerprint(Samples(VALUES, "a", splits={"test": np.array([1])})),
    }
    assert len(seen) == 8
    assert fingerprint(Samples(VALUES, "a", labels=labels)) == fingerprint(Samples(VALUES, "a"))
