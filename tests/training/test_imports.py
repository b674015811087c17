"""What a short run imports beside PyTorch: nothing that takes longer than the run."""

from __future__ import annotations

import subprocess
import sys

CODE = """
import sys
import torch
before = set(sys.modules)
import numpy as np
import aezoo
for name in ("vanilla-digits", "conv-ae-mnist", "variational-sequence"):
    spec = aezoo.read(name, overrides=["training.steps=1"])
    samples = np.random.default_rng(0).random((64, *spec.input.shape), dtype="float32")
    aezoo.train(spec, samples)
print(*sorted(set(sys.modules) - before))
"""


def test_building_and_training_import_neither_the_compiler_of_torch_nor_sympy() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], check=True, capture_output=True, text=True)
    modules = done.stdout.split()
    assert "aezoo.training.loop" in modules
    heavy = ("torch._dynamo", "torch._inductor", "torch.distributed", "sympy")
    assert [name for name in modules if name.startswith(heavy)] == []
