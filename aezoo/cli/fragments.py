"""The fragments that a starter spec is put together from. Words in capitals are filled in."""

from __future__ import annotations

HEAD = """\
#:schema ./aezoo.schema.json
# With the line above an editor completes and checks this file, once this has written the schema beside it:
#   aezoo schema --draft 7 --out aezoo.schema.json
#
# A FAMILIES autoencoder of samples LIST. `aezoo components` explains every part.
# Check it:  aezoo check FILE
# See it:    aezoo show FILE
# Train it:  aezoo train FILEDATA (into runs/NAME)
aezoo = 1
name = "NAME"
description = ""
license = ""  # of the weights, if you publish them: apache-2.0, cc-by-4.0 ...
"""

VARIANTS = """
# What plugins fill in; a key of this file wins over theirs. `aezoo render FILE --explain` says who said what.
variants = VARIANTS
"""

IMAGES = """
# One sample: [channels, height, width], with values from 0 to 1.
input = LIST
"""

OTHERS = """
# One sample: [features], [channels, length] or [channels, depth, height, width]. Values on scales of their own are
# brought to one scale by: input = { shape = LIST, normalize = "standardize" }
input = LIST
"""

DENOISING = """
# What spoils the input, in training only; the target stays clean. Corruptions chain:
#   corruption = [{ type = "gaussian_noise", std = [0.0, 0.5] }, { type = "mask", p = 0.25 }]
corruption = [{ type = "gaussian_noise", std = 0.5 }]
"""

# --- encoders ----------------------------------------------------------------------------------------------

LAYERS = """
# Layers in order. `each` repeats one, once for every number of its list.NOTE
encoder = [
LINES
]
"""

NEIGHBOURS = """
# A vector is read as a signal of one channel: good if its values have an order, else leave the convolutions out."""

SINGLE = """
# No more layers than the latent's own: so the Jacobian of the code has a closed form.
encoder = [FLATTEN]
"""

FLATTEN = '{ type = "flatten" }'
SIGNAL = '{ type = "reshape", shape = [1, -1] }'
DENSE = '{ type = "linear", activation = "relu", each = { features = WIDTHS } }'
DOWN = "kernel = 4, stride = 2, padding = 1, "
CONV = '{ type = "conv", DOWNactivation = "relu", each = { channels = CHANNELS } }'
BLOCK = '{ type = "conv", channels = CHANNELS, DOWNnorm = "group", activation = "silu" }'
BLOCKS = '{ type = "conv", DOWNnorm = "group", activation = "silu", each = { channels = CHANNELS } }'
RESIDUAL = """\
{ type = "residual", body = [
        { type = "conv", channels = CHANNELS, norm = "group", activation = "silu" },
        { type = "conv", channels = CHANNELS, norm = "group", activation = "identity" },
    ] }"""

# --- codes -------------------------------------------------------------------------------------------------

LATENTS = {
    "gaussian": """
# The code: a Gaussian posterior, `dim` values wide.
latent = { type = "gaussian", dim = WIDTH }
""",
    "tied": """
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
latent = { type = "deterministic", dim = WIDTH }
""",
    "given": """
# The code, `dim` values wide; its type comes from the variant.
latent = { dim = WIDTH }
""",
}

DECODER = """
# The encoder led back. Or name layers of your own: decoder = [...]
decoder = "mirror"
"""

# --- what the output means ---------------------------------------------------------------------------------

BERNOULLI = """
# What the output means: of each pixel, the chance that it is white. For grey photographs: { type = "gaussian" }
likelihood = "bernoulli"
"""

#: By whether samples are images, and whether the loss is to be an ELBO.
LIKELIHOODS = {
    (True, True): """
# What the output means: a Gaussian around each pixel, as wide as the errors are.
likelihood = { type = "gaussian", variance = "optimal", output = "sigmoid" }
""",
    (True, False): """
# What the output means: the image itself, judged by squared errors. The sigmoid keeps it from 0 to 1.
likelihood = { type = "mse", output = "sigmoid" }
""",
    (False, True): """
# What the output means: a Gaussian around each value, as wide as the errors are.
likelihood = { type = "gaussian", variance = "optimal" }
""",
    (False, False): """
# What the output means: the values themselves, judged by squared errors.
likelihood = "mse"
""",
}

# --- penalties ---------------------------------------------------------------------------------------------

KL = """
# Pulls the posterior towards the prior. The weight is the beta of a beta-VAE: 1.0 makes the loss the ELBO.
regularizers.kl = { weight = 1.0 }
"""

SPARSITY = """
# Keeps codes sparse; decoder columns of unit norm, or a small code and a large decoder would cheat.
regularizers.sparsity = { type = "l1", weight = 0.1 }
constraints.decoder = { type = "unit_norm", on = "decoder.0" }
"""

CONTRACTION = """
# Keeps the code still while the input moves a little.
regularizers.contraction = { type = "contractive", weight = 0.1ESTIMATOR }
"""

BOUND = 'constraints.decoder = { type = "max_norm", on = "decoder.0", norm = 1.0 }\n'

# --- data and training -------------------------------------------------------------------------------------

DIGITS = """
# 8,000 handwritten digits that come with aezoo, 1,000 more to validate and 1,000 to test.
data = "digits"
"""

PICTURES = """
# Your data: name a folder of images here, or on the command line. Images of another size are refused unless it is said
# what becomes of them: "fit" changes both sides to the exact size, "crop" scales them and cuts out the centre.
#   aezoo train FILE --data photos --set data.resize=fit
# data = { type = "images", path = "photos", resize = "fit" }
"""

ARRAYS = """
# Your data: an array [samples, SIDES] of a file named here, or on the command line.
#   aezoo train FILE --data samples.npy
# data = { type = "arrays", path = "samples.npy" }
"""

TABLE = """\
# Or a table with a header, one sample a row.
#   aezoo train FILE --data samples.csv
# data = { type = "table", path = "samples.csv" }
"""

TRAINING = """
[training]
epochs = 20
batch_size = 128
optimizer = { type = "adam", lr = 1e-3 }
seed = 0
"""
