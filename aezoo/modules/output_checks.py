"""Output checks: what a plugin's module returns is checked at every pass against what its part declares.

A built-in part has tests for that, and its module is left as it is built: what a spec does not use costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from numbers import Real
from typing import Any

import torch
from torch import Tensor, nn

from aezoo.errors import PluginError
from aezoo.registry.attribution import BUILT_BY
from aezoo.spec.contracts import broken, definition, value_of
from aezoo.spec.shape import Shape, text

#: What is wrong with the result of a method, for its arguments; None if nothing.
Judge = Callable[..., PluginError | str | None]


class Checked:
    """A function of a plugin, whose results are judged before anything is done with them.

    Args:
        part: Whose.
        function: What is called.
        judge: Called with the result, and then with the arguments of the function.
    """

    def __init__(self, part: Any, function: Callable[..., Any], judge: Judge | None = None) -> None:
        setattr(self, BUILT_BY, part)
        self.part, self.function, self.judge = part, function, judge

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        result = self.function(*arguments, **named)
        if self.judge is not None and (fault := self.judge(result, *arguments, **named)) is not None:
            raise _error(self.part, self.function, fault) if isinstance(fault, str) else fault
        return result


def checked(part: Any, built: Any, arguments: Sequence[Any] = (), key_path: str = "") -> Any:
    """What a part built; of a plugin's part, so that its results are judged and its exceptions name the part.

    Args:
        part: The declaration.
        built: What its `build` gave.
        arguments: Of `build`.
        key_path: Of the part in the spec: `encoder.0`.

    Raises:
        PluginError: It is nothing that a part of the kind builds.
    """
    if not part.namespace:
        return built
    _refuse_kind(part, built)
    if part.kind == "likelihood" and part.valuewise and not hasattr(built, "nll_values"):
        raise broken(part, "build", f"gives {_described(built)} without nll_values, and declares valuewise = True")
    if part.kind == "constraint":
        return _constraint(part, built)
    try:
        setattr(built, BUILT_BY, part)
    except (AttributeError, TypeError):  # it has no room for it: its exceptions are named by file and line alone
        return built
    for name, judge in _judges(part, arguments, key_path).items():
        if callable(function := getattr(built, name, None)):
            setattr(built, name, Checked(part, function, judge))
    return built


def curve(schedule: Any) -> Callable[[int, int], float]:
    """The value of a schedule at a step of a run."""
    return partial(value_of, schedule) if schedule.namespace else schedule.value


def number_of(part: Any, metric: Any) -> float:
    """What a metric gives."""
    result = metric.result()
    plain = isinstance(result, Real) or (isinstance(result, Tensor) and result.ndim == 0)
    if part.namespace and not plain:
        raise _error(part, metric.result, f"gives {_described(result)}, not a number")
    return float(result)


def _refuse_kind(part: Any, built: Any) -> None:
    wanted, what = _KINDS.get(part.kind, (nn.Module, "a module of torch"))
    if not isinstance(built, wanted):
        raise broken(part, "build", f"gives {_described(built)}, not {what}")


_KINDS: dict[str, tuple[Any, str]] = {
    "constraint": (Callable, "a function"),
    "metric": (object, "a metric"),
    "optimizer": (torch.optim.Optimizer, "an optimizer of torch"),
    "prior": (object, "a prior"),
}


def _constraint(part: Any, built: Any) -> Any:
    project: Any = Checked(part, built)
    if hasattr(built, "tangent"):
        project.tangent = Checked(part, built.tangent)
    return project


def _judges(part: Any, arguments: Sequence[Any], key_path: str) -> dict[str, Judge]:
    """For each method of what the part builds, what its results are."""
    makers: dict[str, Callable[..., dict[str, Judge]]] = {
        "layer": _of_layer,
        "latent": _of_latent,
        "likelihood": _of_likelihood,
        "prior": _of_prior,
        "regularizer": lambda *_: {"forward": _judge_term, "losses": _judge_terms},
        "corruption": lambda *_: {"forward": _judge_same},
        "objective": lambda *_: {"forward": _judge_terms},
    }
    return makers[part.kind](part, key_path, *arguments) if part.kind in makers else {}


def _of_layer(part: Any, key_path: str, shape: Shape) -> dict[str, Judge]:
    declared = part.output_shape(shape)
    stochastic = getattr(part, "stochastic", False)

    def judge(result: Any, x: Tensor, *_: Any, **__: Any) -> PluginError | str | None:
        if tuple(x.shape[1:]) != shape:  # within a transform of torch's, or of another use of this module
            return None
        value = getattr(result, "h", result) if stochastic else result
        return _judged(part, "output_shape", key_path, value, x, declared)

    return {"forward": judge}


def _of_latent(part: Any, key_path: str, shape: Shape) -> dict[str, Judge]:
    shapes = {"z": part.code_shape(shape)} | {name: part.tap_shape(name, shape) for name in sorted(part.provides)}

    def judge(result: Any, h: Tensor, *_: Any, **__: Any) -> PluginError | str | None:
        if not hasattr(result, "_fields"):
            return f"gives {_described(result)}, not a NamedTuple"
        for name, declared in shapes.items():
            method, at = ("code_shape" if name == "z" else "tap_shape"), f"{key_path}.{name}" if key_path else name
            value = getattr(result, name, None)
            whole = name == part.discrete and isinstance(value, Tensor) and not value.is_floating_point()
            like = h.new_empty(len(h), dtype=value.dtype) if whole and isinstance(value, Tensor) else h
            if (fault := _judged(part, method, at, value, like, declared)) is not None:
                return f"{fault}, as {name}" if isinstance(fault, str) else fault
        return None

    code = shapes["z"]
    return {
        "forward": _at(shape, judge),
        "redraw": _at(code, lambda result, z: judge(result, z), of=lambda given: given.z),
        "reparameterize": _at(code, lambda result, z: judge(result, z), of=lambda given: given.z),
        "log_prob": lambda result, code, z: _tensor(result, z, (len(z),)),
        "embed": _at(shapes[part.discrete or "z"], lambda result, indices: _plain(result, len(indices), code)),
    }


def _of_likelihood(part: Any, _: str, shape: Shape) -> dict[str, Judge]:
    def same(result: Any, raw: Tensor) -> str | None:
        return _tensor(result, raw, (len(raw), *shape))

    return {
        "nll_values": _at(part.raw_shape(shape), same),
        "mean": _at(part.raw_shape(shape), same),
        "nll": lambda result, raw, *_, **__: _tensor(result, raw, (len(raw),)),
        "sample": _at(part.raw_shape(shape), same),
    }


def _at(shape: Shape, judge: Judge, *, of: Callable[[Any], Any] = lambda given: given) -> Judge:
    """A judge of what is made of samples of the declared shape; at another size nothing is declared.

    Args:
        shape: Of a sample.
        judge: Called with the result, and with the samples.
        of: The samples in the first argument.
    """

    def judged(result: Any, given: Any, *_: Any, **__: Any) -> PluginError | str | None:
        samples = of(given)
        return judge(result, samples) if tuple(samples.shape[1:]) == tuple(shape) else None

    return judged


def _of_prior(part: Any, _: str, shape: Shape, spec: Any) -> dict[str, Judge]:
    return {
        "sample": lambda result, n, *_, **__: _plain(result, n, shape),
        "log_prob": lambda result, z: _tensor(result, z, (len(z),)),
    }


def _judged(
    part: Any, method: str, key_path: str, value: Any, like: Tensor, declared: Shape
) -> PluginError | str | None:
    """Of a tensor that a declaration tells the shape of: the one who errs may be the declaration."""
    if isinstance(value, Tensor) and value.ndim and tuple(value.shape[1:]) != tuple(declared):
        what = f"the module of {key_path}" if key_path else "its module"
        problem = f"declares {text(declared)}, {what} gives {text(tuple(value.shape[1:])) or 'single numbers'}"
        return broken(part, method, problem)  # type: ignore[return-value]
    return _tensor(value, like, (len(like), *declared))


def _tensor(value: Any, like: Tensor, shape: Shape) -> str | None:
    """What is wrong with a tensor that is of this shape, and in all else like what it was made from."""
    if not isinstance(value, Tensor):
        return f"gives {_described(value)}, not a tensor"
    if value.layout != torch.strided:
        return f"gives a tensor of layout {_short(value.layout)}, not a dense one"
    if value.device != like.device:
        return f"gives a tensor on {value.device}, its input is on {like.device}"
    if tuple(value.shape) != tuple(shape):
        return f"gives {text(tuple(value.shape)) or 'a single number'} for a batch of {len(like)}, not {text(shape)}"
    if value.dtype == like.dtype or value.dtype in _lower(like):
        return None
    return f"gives {_short(value.dtype)}, its input is {_short(like.dtype)}"


def _lower(like: Tensor) -> tuple[torch.dtype, ...]:
    """What autocast may make of the type of a tensor."""
    kind = like.device.type
    if kind == "meta" or not torch.is_autocast_enabled(kind):
        return ()
    return torch.float32, torch.get_autocast_dtype(kind)


def _plain(value: Any, n: int, shape: Shape) -> str | None:
    """What is wrong with a floating tensor of samples that is made from no other one."""
    if not isinstance(value, Tensor) or not value.is_floating_point():
        return f"gives {_described(value)}, not a floating tensor"
    return _tensor(value, value, (n, *shape))


def _judge_same(result: Any, x: Tensor, *_: Any, **__: Any) -> str | None:
    return _tensor(result, x, tuple(x.shape))


def _judge_term(result: Any, out: Any, *_: Any) -> str | None:
    if not isinstance(result, Tensor) or not result.is_floating_point():
        return f"gives {_described(result)}, not a floating tensor without axes"
    return None if result.ndim == 0 else f"gives {text(tuple(result.shape))}, not a tensor without axes"


def _judge_terms(result: Any, out: Any, *_: Any) -> str | None:
    if not isinstance(result, Mapping) or not result:
        return f"gives {_described(result)}, not terms by name"
    for name, term in result.items():
        if (fault := _judge_term(term, out)) is not None:
            return f"{fault}, as {name!r}"
    return None


def _described(value: Any) -> str:
    """A value in a few words; this runs no third-party code."""
    if isinstance(value, Tensor):
        return f"a tensor of {_short(value.dtype)}"
    if value is None or type(value) in (bool, int, float):
        return repr(value)
    return f"a {type(value).__name__}"


def _short(name: torch.dtype | torch.layout) -> str:
    return str(name).removeprefix("torch.")


def _error(part: Any, function: Any, problem: str) -> Exception:
    """The error of a function with a wrong result, at its source line, or at that of `build` where torch made it."""
    where = getattr(function, "__func__", function)
    home = str(getattr(where, "__module__", ""))
    if home.partition(".")[0] in ("torch", "aezoo", ""):
        return broken(part, "build", f"makes a {type(getattr(function, '__self__', function)).__name__} that {problem}")
    return broken(part, "build", problem, at=(where.__qualname__, definition(where)))
