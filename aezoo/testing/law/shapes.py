"""Laws of shapes: what is declared is what is built, and a mirror leads back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import torch
from torch import nn

from aezoo.errors import NoMirror
from aezoo.spec.kinds import LatentSpec, LayerSpec, ReadingLayerSpec, Style
from aezoo.spec.mirror import mirror_layers, mirror_source, trace
from aezoo.spec.shape import Shape
from aezoo.spec.window import Window
from aezoo.testing.law.adapters import Adapter, adapters_of, build_module, generator
from aezoo.testing.law.definition import MODULES, law
from aezoo.testing.law.under_test import PartUnderTest

AGREE = "let `build()` and what the declaration says of shapes compute the same"
BATCHES = (2, 1, 3)


@law(
    "L11",
    "layer",
    "latent",
    "likelihood",
    says="Built on the meta device, the part gives the shapes that it declares.",
    hint=f"{AGREE}; make tensors on the device of the input, and look at no value",
)
def on_meta(tested: PartUnderTest) -> Iterator[str]:
    for adapter in adapters_of(tested):
        inputs = [x.to("meta") for x in adapter.inputs(2)]  # drawn elsewhere: a draw on meta imports torch's compiler
        with torch.device("meta"), torch.no_grad():
            outputs = adapter.run(adapter.build_unseeded().eval(), inputs)
        yield from _differences(adapter, outputs, 2, drawn=False)


@law(
    "L12",
    *MODULES,
    says="Built for real, the part gives the shapes that it declares, for any number of samples.",
    hint=AGREE,
)
def for_real(tested: PartUnderTest) -> Iterator[str]:
    for adapter in adapters_of(tested):
        module = adapter.build().eval()
        for n in BATCHES:
            with torch.no_grad():
                outputs = adapter.run(module, adapter.inputs(n, generator(n)), generator(0))
            yield from _differences(adapter, outputs, n, drawn=True)


def _differences(adapter: Adapter, outputs: dict[str, Any], n: int, *, drawn: bool) -> Iterator[str]:
    for name, shape in adapter.declared.items():
        if name == "sample" and not drawn:
            continue
        if name not in outputs:
            yield f"{adapter} gives no {name!r}"
        elif tuple(outputs[name].shape) != (n, *shape):
            actual, expected = list(outputs[name].shape), [n, *shape]
            yield f"{adapter} declares {name} {expected}, its module gives {actual}"


@law(
    "L13",
    "layer",
    "latent",
    says="The mirror leads back to the shape that the part was given, or there is none.",
    hint="let `mirror()` give layers that end at `target`, or raise `NoMirror`",
)
def mirror(tested: PartUnderTest) -> Iterator[str]:
    for adapter in adapters_of(tested):
        styles = Style(), Style("relu", upsampling="resize")
        mirrors = [mirror for style in styles for mirror in _mirrors(adapter, style)]
        # Few layers are of another kind in another style: what is built is looked at once.
        for back, start, target in dict.fromkeys((tuple(back), start, target) for back, start, target in mirrors):
            if not any(isinstance(layer, ReadingLayerSpec) for layer in back):  # those are checked in whole specs
                yield from _mirror_faults(adapter, back, start, target)


def _mirrors(adapter: Adapter, style: Style) -> Iterator[tuple[Sequence[LayerSpec], Shape, Shape]]:
    """Mirrors of the part, where they start, and where they should end."""
    part, shape = adapter.part, adapter.shape
    if not isinstance(part, LayerSpec):
        yield part.mirror(shape, style=style), part.code_shape(shape), shape
        return
    for target in (shape, (2 * shape[0], *shape[1:])):
        try:
            back = mirror_layers([part], shape, target=target, style=style)
        except NoMirror:
            continue
        yield back, mirror_source([part], shape, target=target), target


def _mirror_faults(adapter: Adapter, back: Sequence[LayerSpec], start: Shape, target: Shape) -> Iterator[str]:
    shapes = trace(back, start)
    if shapes[-1] != target:
        yield f"{adapter}: its mirror declares {list(shapes[-1])}, not {list(target)}"
        return
    # Not on the meta device, where an operation takes many times as long as for values as few as these.
    with torch.no_grad():
        modules = [build_module(layer, layer_shape).eval() for layer, layer_shape in zip(back, shapes, strict=False)]
        built = nn.Sequential(*modules)(torch.zeros(2, *start)).shape[1:]
    if tuple(built) != target:
        yield f"{adapter}: its mirror's modules give {list(built)}, not {list(target)}"


@law(
    "L14",
    "layer",
    "latent",
    "likelihood",
    says="The part has as many weights as it declares.",
    hint="let `parameters(shape)` count what `build(shape)` makes: limits and `aezoo show` go by it",
)
def weights(tested: PartUnderTest) -> Iterator[str]:
    for adapter in adapters_of(tested):
        with torch.device("meta"):
            built = sum(p.numel() for p in adapter.build_unseeded().parameters())
        declared = adapter.part.parameters(adapter.shape)
        if built != declared:
            yield f"{adapter} declares {declared} weights and has {built}"


@law(
    "L15",
    "latent",
    says="A code has a `z`, and each field that the latent provides; its point is one of these.",
    hint="let the NamedTuple that `forward` returns have the fields of `provides`, and `z`",
)
def code(tested: PartUnderTest) -> Iterator[str]:
    for adapter in adapters_of(tested):
        with torch.no_grad():
            fields = set(adapter.run(adapter.build().eval(), adapter.inputs(2, generator(0))))
        provides = {"z", *adapter.part.provides}
        if not provides <= fields:
            yield f"{adapter} provides {sorted(provides)}, its code has {sorted(fields)}"
        elif adapter.part.point not in provides:
            yield f"{adapter}: its point is {adapter.part.point!r}, which it does not provide"


@law(
    "L16",
    "latent",
    says="The names of a discrete code are whole numbers below its alphabet, and lead back to the code.",
    hint="let `embed(indices)` give the `z` that `forward` gave beside them, and `alphabet()` how many there are",
)
def names(tested: PartUnderTest) -> Iterator[str]:
    for adapter in adapters_of(tested):
        if not adapter.part.discrete:
            continue
        module: Any = adapter.build().eval()
        with torch.no_grad():
            code = adapter.run(module, adapter.inputs(4, generator(0)))
            indices, top = code[adapter.part.discrete], adapter.part.alphabet()
            if indices.is_floating_point() or int(indices.min()) < 0 or int(indices.max()) >= top:
                yield f"{adapter}: its names are no whole numbers from 0 to {top - 1}"
            elif not torch.allclose(module.embed(indices), code["z"], atol=1e-5):
                yield f"{adapter}: `embed` of its names is not its code"


@law(
    "L19",
    "layer",
    "latent",
    "likelihood",
    "prior",
    says="A part that works at any size does so, and a position of its output sees no more than declared.",
    hint="let `sees()` give the stride and the reach of what `build()` makes, or None; or declare `resizable = False`",
)
def sizes(tested: PartUnderTest) -> Iterator[str]:
    for adapter in adapters_of(tested):
        part, shape = adapter.part, adapter.shape
        if isinstance(part, LayerSpec | LatentSpec):
            window = part.sees(shape) if len(shape) > 1 else None
            if window is not None and all(n % window.multiple == 0 for n in shape[1:]):
                yield from _seen(adapter, window)
        elif part.resizable and len(shape) > 1:
            yield from _resized(adapter)


def _seen(adapter: Adapter, window: Window) -> Iterator[str]:
    """Another size than it should have of the output of a larger input, or a gradient from beyond the window."""
    module, axes = adapter.build().eval(), len(adapter.shape) - 1
    x = torch.randn(1, adapter.shape[0], *(n + window.multiple for n in adapter.shape[1:]), generator=generator(0))
    x.requires_grad_()
    name = next(iter(adapter.declared))
    output, more = adapter.run(module, [x])[name], Fraction(window.multiple) / Fraction(window.stride)
    expected = [n + more for n in adapter.declared[name][-axes:]]
    if [*output.shape[-axes:]] != expected:
        larger, given = list(x.shape[1:]), list(output.shape[1:])
        yield f"{adapter}: of an input of {larger} its module makes {given}, and says {list(map(int, expected))}"
        return
    middle = [int(n) // 2 for n in output.shape[-axes:]]
    value = output.flatten(-axes)[..., int(np.ravel_multi_index(middle, output.shape[-axes:]))]
    (gradient,) = torch.autograd.grad(value.square().sum(), x)
    for axis, j in enumerate(middle, start=2):
        seen = gradient.movedim(axis, 0).flatten(1).abs().sum(dim=1).nonzero().flatten().tolist()
        start, end = j * window.stride - window.before, j * window.stride + window.after
        if seen and not start <= min(seen) <= max(seen) <= end:
            yield f"{adapter}: position {j} sees {min(seen)} to {max(seen)}, it says {float(start):g} to {float(end):g}"
            return


def _resized(adapter: Adapter) -> Iterator[str]:
    """Another shape than it should have of what is made of larger data."""
    larger = type(adapter)(adapter.part, adapter.spec, (adapter.shape[0], *(n + 1 for n in adapter.shape[1:])))
    with torch.no_grad():
        outputs = larger.run(adapter.build().eval(), larger.inputs(2, generator(0)))
    for name in set(larger.declared) - {"sample"}:
        if tuple(outputs[name].shape) != (2, *larger.declared[name]):
            yield f"{adapter}: of data of {list(larger.shape)} it makes {name} {list(outputs[name].shape)}"


LAWS = [on_meta, for_real, mirror, weights, code, names, sizes]
