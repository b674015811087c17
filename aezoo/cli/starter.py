"""The starter that `init` writes: one fragment of text for each choice, put together in the order of a spec."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from aezoo.spec.shape import Shape

FAMILIES = ("vanilla", "denoising", "variational", "convolutional", "sparse", "contractive", "vdc")

#: The embedded digits fit this input; any other needs the user's own data.
DIGITS: Shape = (1, 28, 28)

HEAD = """\
# A {families} autoencoder. Every key is explained by `aezoo components`; `aezoo render` prints all defaults.
#   aezoo check {name}.toml      says what is wrong, with its place
#   aezoo train {name}.toml      trains it into runs/{name}
aezoo = 1
name = "{name}"
description = ""
license = "apache-2.0"

# One sample: [features], [channels, length], [channels, height, width] or [channels, depth, height, width].
input = {shape}
"""

DENOISING = """
# What spoils the input, in training only; the target stays clean. Corruptions chain:
#   corruption = [{ type = "gaussian_noise", std = [0.0, 0.5] }, { type = "mask", p = 0.25 }]
corruption = [{ type = "gaussian_noise", std = 0.5 }]
"""

ENCODERS = {
    "dense": """
# Layers in order. `each` repeats one: this is two linear layers.
encoder = [
{flatten}    {{ type = "linear", activation = "relu", each = {{ features = [512, 256] }} }},
]
""",
    "single": """
# One layer only, the latent's own: its Jacobian has a closed form.
encoder = [{flatten}]
""",
    "convolutional": """
# Layers in order. `each` repeats one: this is two convolutions, each halves the resolution.
encoder = [
    {{ type = "conv", kernel = 4, stride = 2, padding = 1, activation = "relu", each = {{ channels = [32, 64] }} }},
]
""",
    "vdc": """
# Residual blocks between convolutions that halve the resolution.
encoder = [
    {{ type = "conv", channels = 32, kernel = 4, stride = 2, padding = 1, norm = "group", activation = "silu" }},
    {{ type = "residual", body = [
        {{ type = "conv", channels = 32, norm = "group", activation = "silu" }},
        {{ type = "conv", channels = 32 }},
    ] }},
    {{ type = "conv", channels = 64, kernel = 4, stride = 2, padding = 1, norm = "group", activation = "silu" }},
]
""",
}

LATENTS = {
    "gaussian": """
# The code: a Gaussian posterior, `dim` values wide.
latent = { type = "gaussian", dim = 16 }
""",
    "sigmoid": """
# The code, `dim` values wide. A sigmoid bounds it, and the decoder shares the encoder's weights: without both,
# a small encoder and a large decoder would cheat the penalty.
latent = { type = "deterministic", dim = 128, activation = "sigmoid" }
decoder = { tied = true }
""",
    "relu": """
# The code, wider than it needs to be: few of its units are active at a time.
latent = { type = "deterministic", dim = 256, activation = "relu" }
""",
    "plain": """
# The code, `dim` values wide.
latent = { type = "deterministic", dim = 32 }
""",
}

DECODER = """
# The encoder led back. Or name layers of your own: decoder = [...]
decoder = "mirror"
"""

LIKELIHOODS = {
    ("image", True): 'likelihood = "bernoulli"',
    ("image", False): 'likelihood = { type = "mse", output = "sigmoid" }',
    ("other", True): 'likelihood = { type = "gaussian", variance = "optimal" }',
    ("other", False): 'likelihood = "mse"',
}

KL = """
# Pulls the posterior towards the prior; the weight is the beta of a beta-VAE, 1.0 makes the loss the ELBO.
regularizers.kl = { weight = 1.0 }
"""

SPARSITY = """
# Keeps codes sparse; decoder columns of unit norm, or a small code and a large decoder would cheat.
regularizers.sparsity = { type = "l1", weight = 0.1 }
constraints.decoder = { type = "unit_norm", on = "decoder.0" }
"""

CONTRACTION = """
# Keeps the code still while the input moves a little.
regularizers.contraction = {{ type = "contractive", weight = 0.1{estimator} }}
"""

BOUND = 'constraints.decoder = { type = "max_norm", on = "decoder.0", norm = 1.0 }\n'

DATA = {
    "digits": """
# 8,000 handwritten digits that come with aezoo, 1,000 more to validate and 1,000 to test.
data = "digits"
""",
    "images": """
# Your own: a folder of images, or `train --data PATH`.
# data = { type = "images", path = "photos" }
""",
    "arrays": """
# Your own: .npy, .npz, .safetensors or .csv, or `train --data PATH`.
# data = { type = "arrays", path = "samples.npy" }
""",
}

TRAINING = """
[training]
epochs = 20
batch_size = 128
optimizer = { type = "adam", lr = 1e-3 }
seed = 0
"""


def starter(name: str, families: Collection[str], shape: Shape) -> str:
    """The text of a spec of these families, for samples of this shape."""
    return "".join(_fragments(name, set(families) or {"vanilla"}, shape))


def _fragments(name: str, families: set[str], shape: Shape) -> Iterator[str]:
    image = len(shape) == 3
    variational = bool(families & {"variational", "vdc"})
    alone = families <= {"contractive", "denoising"} and "contractive" in families
    named = ", ".join(family for family in FAMILIES if family in families)
    yield HEAD.format(families=named, name=name, shape=list(shape))
    if "denoising" in families:
        yield DENOISING
    yield from _encoder(families, shape, alone=alone)
    latent = "gaussian" if variational else "sigmoid" if alone else "relu" if "sparse" in families else "plain"
    yield LATENTS[latent]
    if not alone:
        yield DECODER
    yield "\n# What the output means: a density of the data.\n"
    yield LIKELIHOODS["image" if image else "other", variational] + "\n"
    yield from _terms(families, variational=variational, alone=alone)
    yield DATA["digits" if shape == DIGITS else "images" if image else "arrays"]
    yield TRAINING


def _encoder(families: set[str], shape: Shape, *, alone: bool) -> Iterator[str]:
    flat = len(shape) == 1
    if "vdc" in families:
        yield ENCODERS["vdc"].format()
    elif "convolutional" in families:
        yield ENCODERS["convolutional"].format()
    elif alone:
        yield ENCODERS["single"].format(flatten="" if flat else '{ type = "flatten" }')
    else:
        yield ENCODERS["dense"].format(flatten="" if flat else '    { type = "flatten" },\n')


def _terms(families: set[str], *, variational: bool, alone: bool) -> Iterator[str]:
    if variational:
        yield KL
    if "sparse" in families:
        yield SPARSITY
    if "contractive" in families:
        yield CONTRACTION.format(estimator="" if alone else ', estimator = "hutchinson"')
        if not alone and "sparse" not in families:
            yield BOUND
