"""All that depends on the device, checked in one go where there is an accelerator: a line for each bundled spec.

    python benchmarks/accelerator.py                                      every bundled spec on the accelerator
    python benchmarks/accelerator.py --device cpu --steps 4 --only vanilla-digits --no-compile

Each spec is trained for some steps on its device, on random samples in the range of its input:

- float32 on the device against float32 on the CPU, by the loss after the steps;
- each lower precision against float32: their losses, as a share; the same of `fast`, with what it chose and its speed;
- the model compiled, and in the channels-last order of memory, against the model as it is: the loss of a batch;
- a run stopped in the middle and gone on from its state: the largest difference of a weight, as a share;
- samples a second after the first steps, and the most memory that was held.

A difference beyond its bound is marked with `!`, and the exit code is 1. Without an accelerator it says so in a line.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import torch

import aezoo
from aezoo.building.builder import objective_of
from aezoo.data.batches import Batches
from aezoo.reading.bundled import bundled_specs
from aezoo.spec.document import Spec
from aezoo.spec.samples import Samples
from aezoo.testing.law.batch_fields import same_fields
from aezoo.training.arithmetic import Choice
from aezoo.training.fast_precision import chosen
from aezoo.training.history import History
from aezoo.training.loop import Loop
from aezoo.training.setup import assemble, set_up
from aezoo.training.signals import Stop
from aezoo.training.states.state import flattened, rebuilt
from aezoo.training.step import Streams

#: Most that two losses may differ by, as a share: by the order of sums; by bits; by how a model is laid out.
BOUNDS = {"device": 2e-2, "bfloat16": 5e-2, "float16": 5e-2, "fast": 5e-2}
BOUNDS |= {"compiled": 1e-3, "channels last": 1e-3, "resumed": 1e-3}


class Row(NamedTuple):
    """What was found of one spec."""

    differences: dict[str, float | str]
    rate: float  # samples a second
    fast_rate: float  # the same of `fast`
    choice: Choice | None  # what that stands for here
    memory: int  # bytes

    @property
    def fails(self) -> bool:
        """Whether a difference is too large, or there is none to be had."""
        return any(_fails(name, value) for name, value in self.differences.items())


def _fails(name: str, value: float | str) -> bool:
    return not isinstance(value, str) and not value <= BOUNDS[name]


def samples_of(spec: Spec) -> Samples:
    """Random ones, two batches of them."""
    low, high = spec.input.range or (-1.0, 1.0)
    draw = np.random.default_rng(0)
    shape = (2 * spec.training.batch_size, *spec.input.shape)
    x = (low + (high - low) * draw.random(shape)).astype("float32")
    fields = {name: value.numpy() for name, value in same_fields(spec, torch.from_numpy(x)).items()}
    return Samples(x, "random", fields=fields)


def loop_of(spec: Spec, samples: Samples, device: str, choice: Choice | None = None) -> Loop:
    """A run that is ready for its first step, without validation."""
    setup = set_up(spec, samples, device=device)._replace(choice=choice)
    return assemble(spec, setup, History(), None, Stop())[1]


def choice_of(spec: Spec, samples: Samples, device: str) -> Choice | None:
    """What a fast precision stands for in a run that is long enough to measure in."""
    return chosen(_with(spec, "fast", steps=100_000), set_up(spec, samples, device=device))


def trained(spec: Spec, samples: Samples, device: str, choice: Choice | None = None) -> tuple[float, Loop]:
    """The loss after the last step, and the run."""
    loop = loop_of(spec, samples, device, choice)
    outcome = loop.run()
    if outcome.failure:
        raise outcome.failure
    return outcome.validation["total"], loop


def check(spec: Spec, device: str, *, compiles: bool) -> Row:
    """All differences of one spec, its speed and memory."""
    samples = samples_of(spec)
    exact = _with(spec, "float32")
    if device != "cpu":
        torch.accelerator.reset_peak_memory_stats()
    loss, loop = trained(exact, samples, device)
    memory = torch.accelerator.max_memory_allocated() if device != "cpu" else 0
    found: dict[str, float | str] = {"device": _apart(trained(exact, samples, "cpu")[0], loss)}
    for precision in ("bfloat16", "float16"):
        found[precision] = _tried(lambda p=precision: _apart(trained(_with(spec, p), samples, device)[0], loss))
    choice = choice_of(spec, samples, device)
    fast = _with(spec, "fast")
    found["fast"] = _tried(lambda: _apart(trained(fast, samples, device, choice)[0], loss))
    found |= dict(layouts(spec, samples, device, compiles=compiles))
    found["resumed"] = _tried(lambda: resumed(exact, samples, device, loop))
    return Row(found, speed(exact, samples, device), speed(fast, samples, device, choice), choice, memory)


def _with(spec: Spec, precision: str, *, steps: int | None = None) -> Spec:
    longer = [] if steps is None else [f"training.steps={steps}"]
    return aezoo.read(spec.document(), overrides=[f"training.precision={precision}", *longer])


def layouts(spec: Spec, samples: Samples, device: str, *, compiles: bool) -> Iterator[tuple[str, float | str]]:
    """The loss of a batch by a model that is compiled, or laid out otherwise, against the model as it is."""
    batch = next(Batches(samples, spec, device=device).sequential(spec.training.batch_size))

    def loss(change: Callable[[Any], Any]) -> float:
        model = aezoo.build(spec).to(device)
        objective = objective_of(model, steps=10).to(device).train()
        change(objective)
        noise = Streams(0, batch.x.device, corrupts=len(objective.corruption) > 0).start("train", 0, 0)
        return float(batch.losses(objective, objective.players[0], 0, noise).total.detach())

    plain = loss(lambda objective: None)
    if compiles:
        yield "compiled", _tried(lambda: _apart(loss(lambda objective: objective.model.compile()), plain))
    channels_last = torch.channels_last
    yield "channels last", _tried(lambda: _apart(loss(lambda o: o.model.to(memory_format=channels_last)), plain))


def resumed(spec: Spec, samples: Samples, device: str, whole: Loop) -> float:
    """How far the weights of a run are off that was stopped in the middle."""
    half = loop_of(spec, samples, device)
    steps, half.steps = half.steps, half.steps // 2
    half.run()
    document, tensors = flattened(half.state())
    tensors = {name: tensor.detach().cpu().clone() for name, tensor in tensors.items()}
    again = loop_of(spec, samples, device)
    again.restore(rebuilt(document, tensors, torch.device(device)))
    again.steps = steps
    again.run()
    weights = zip(whole.objective.parameters(), again.objective.parameters(), strict=True)
    return max(float((a - b).detach().abs().max() / a.detach().abs().max().clamp_min(1e-6)) for a, b in weights)


def speed(spec: Spec, samples: Samples, device: str, choice: Choice | None = None) -> float:
    """Samples a second, of a second run: what is compiled or chosen once is so already."""
    loop = loop_of(spec, samples, device, choice)
    started = time.perf_counter()
    loop.run()
    if device != "cpu":
        torch.accelerator.synchronize()
    return loop.steps * spec.training.batch_size / (time.perf_counter() - started)


def _apart(value: float, known: float) -> float:
    return abs(value - known) / max(abs(known), 1e-6)


def _tried(measure: Callable[[], float]) -> float | str:
    """What is measured; why it could not be, in a few words."""
    try:
        return measure()
    except Exception as error:  # a backend raises what it likes; that is a finding, too
        return (str(error) or type(error).__name__).splitlines()[0][:40]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", help="cpu, to run the same checks without an accelerator")
    parser.add_argument("--steps", type=int, default=40, help="of each run")
    parser.add_argument("--only", default="", help="specs whose names hold this")
    parser.add_argument("--no-compile", action="store_true", help="leave torch.compile out")
    options = parser.parse_args()
    accelerator = torch.accelerator.current_accelerator(check_available=True)
    if accelerator is None and options.device is None:
        print("torch sees no accelerator here: nothing was checked; --device cpu runs the same checks on the CPU")
        return 0
    device = options.device or accelerator.type
    warnings.simplefilter("ignore")
    changes = [f"training.steps={options.steps}", "training.best_by=last", "training.log_every=1000"]
    failed = False
    for name in (name for name in bundled_specs() if options.only in name):
        spec = aezoo.read(name, overrides=changes)
        row = check(spec, device, compiles=not options.no_compile)
        failed |= row.fails
        words = [
            f"{what} {value if isinstance(value, str) else f'{value:.1e}'}{'!' if _fails(what, value) else ''}"
            for what, value in row.differences.items()
        ]
        rates = f"{row.rate:,.0f} samples/s, fast {row.fast_rate:,.0f}"
        print(f"{name}: {', '.join(words)}; {rates}, {row.memory / 1e6:,.0f} MB; {row.choice}", flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
