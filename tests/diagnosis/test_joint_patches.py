"""Treatment: which patches of several findings go together."""

from __future__ import annotations

import pytest

import aezoo
from aezoo.diagnosis.finding import Finding, Patch
from aezoo.diagnosis.joint_patches import joint_patch
from tests.diagnosis.ill_specs import GAUSSIAN, KL, pictures

LR, STEPS, CLIP = "training.optimizer.lr=0.001", "training.epochs=48", "training.clip=1.0"
WEIGHT, BITS = "regularizers.kl.weight=0.1", "regularizers.kl.free_bits=0.1"


@pytest.mark.parametrize(
    ("patches", "taken"),
    [
        ([(LR,), (STEPS,)], (LR, STEPS)),
        ([(LR, CLIP), (STEPS,), ("training.optimizer.lr=0.01",)], (LR, CLIP, STEPS)),
        ([("training.optimizer=adamw",), (LR,)], ("training.optimizer=adamw",)),
        ([(LR,), ("training.optimizer=adamw",)], (LR,)),
        ([(WEIGHT,), (BITS,), ("likelihood.sigma=0.5",)], (WEIGHT, "likelihood.sigma=0.5")),
        ([(), ("likelihood=mse",), ("likelihood.nonsense=1",), ("latent.dim=4",)], ("likelihood=mse", "latent.dim=4")),
        ([("latent.nonsense=1",), ("latent.dim=4",)], ("latent.dim=4",)),
    ],
)
def test_patches_go_together_unless_they_change_the_same(patches: list[Patch], taken: Patch) -> None:
    likelihood = {"type": "gaussian", "variance": "fixed", "sigma": 1.0}
    spec = aezoo.read(pictures(latent=GAUSSIAN, likelihood=likelihood, regularizers=KL))
    found = [Finding("AZ721", "", "", "", "", patch) for patch in patches]
    patched, changed = joint_patch(found, spec)
    assert changed == taken
    assert patched == aezoo.read(spec.document(), overrides=taken)
