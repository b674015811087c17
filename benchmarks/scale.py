"""What a step of each bundled spec computes, holds and sends, and at how many devices that binds.

    python benchmarks/scale.py                                   a table, in Markdown
    python benchmarks/scale.py --only conv --flops 4e14 --bandwidth 3e11 --network 5e10

One step of each spec is run on random samples, in a group of one process: operations are counted by torch's counter of
floating-point operations, bytes by what goes into the collectives. Memory is the estimate of `aezoo show`. With N
devices a ring sends 2 (N - 1) / N of what is summed and (N - 1) / N of what is gathered. The last two columns say at
how many devices a step, whose batch stays the same, takes as long to send as to compute: within a machine, and over a
network.
"""

from __future__ import annotations

import argparse
import tempfile
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import entry_points
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

import torch
import torch.distributed as dist
from torch.utils.flop_counter import FlopCounterMode

import aezoo
from aezoo.building.builder import objective_of
from aezoo.data.batches import Batch
from aezoo.nn.distributed import Layout
from aezoo.reading.bundled import bundled_specs
from aezoo.spec.document import Spec
from aezoo.spec.kinds import turns_of
from aezoo.spec.memory import memory
from aezoo.testing.law.batch_fields import same_fields
from aezoo.training.distributed.ranks import Ranks
from aezoo.training.distributed.shares import Share
from aezoo.training.step import Player, Streams


class Step(NamedTuple):
    """What one step takes, of all devices together."""

    operations: float
    summed: int  # bytes that go into sums
    gathered: int  # bytes that every process gets


@contextmanager
def counted() -> Iterator[Counter[str]]:
    """Bytes that go into collectives within."""
    sent: Counter[str] = Counter()
    sums, gathers = dist.all_reduce, dist.all_gather

    def all_reduce(tensor: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
        sent["summed"] += tensor.nbytes
        return sums(tensor, *args, **kwargs)

    def all_gather(parts: list[torch.Tensor], tensor: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
        sent["gathered"] += sum(part.nbytes for part in parts)
        return gathers(parts, tensor, *args, **kwargs)

    dist.all_reduce, dist.all_gather = all_reduce, all_gather
    try:
        yield sent
    finally:
        dist.all_reduce, dist.all_gather = sums, gathers


def step_of(spec: Spec, ranks: Ranks) -> Step:
    """Of one step on random samples."""
    from aezoo.nn.global_norm import normalize_globally

    model = aezoo.build(spec)
    objective = objective_of(model, steps=100).train()
    normalize_globally(objective)
    low, high = spec.input.range or (-1.0, 1.0)
    size = spec.training.pass_size
    x = low + (high - low) * torch.rand(size, *spec.input.shape)
    share = Share.of(Batch(x, same_fields(spec, x)), [(size, Layout((size,), 0))])
    training = spec.training.model_copy(update={"micro_batch": None})
    turns = turns_of(spec)
    streams = Streams(0, torch.device("cpu"), corrupts=len(objective.corruption) > 0)
    players = [
        Player(name, objective, training, turns[name] if name in turns else _plain(), steps=100, ranks=ranks)
        for name in objective.players
    ]
    passes = spec.training.batch_size / size
    with counted() as sent, FlopCounterMode(display=False) as counter:
        for player in players:
            player.step(objective, share, 0, streams)
    gradients = sent["summed"]  # sent once a step, however many micro-batches it has
    return Step(counter.get_total_flops() * passes, gradients, int(sent["gathered"] * passes))


def _plain() -> Any:
    from aezoo.spec.kinds import PlayerSpec

    return PlayerSpec()


def binds(step: Step, flops: float, bandwidth: float) -> float:
    """Devices at which a ring over many of them sends for as long as each computes."""
    seconds = (2 * step.summed + step.gathered) / bandwidth
    return step.operations / flops / seconds


def sources(only: str) -> Iterator[tuple[str, Any]]:
    """The bundled specs, and those of the installed plugins."""
    for name in bundled_specs():
        if only in name:
            yield name, name
    for point in entry_points(group="aezoo"):
        folder = Path(str(files(point.value.partition(":")[0]))) / "specs"
        for path in sorted(folder.glob("*.toml")):
            if only in path.stem:
                yield path.stem, path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="specs whose names hold this")
    parser.add_argument("--flops", type=float, default=4e13, help="operations a second of a device, as reached")
    parser.add_argument("--bandwidth", type=float, default=3e11, help="bytes a second between devices of a machine")
    parser.add_argument("--network", type=float, default=2.5e10, help="bytes a second between machines")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        dist.init_process_group("gloo", init_method=f"file://{folder}/store", rank=0, world_size=1)
        ranks = Ranks(torch.device("cpu"))
        print("| spec | weights | batch | GFLOP | state MB | batch MB | summed MB | gathered MB | machine | network |")
        print("|---|---|---|---|---|---|---|---|---|---|")
        for name, source in sources(options.only):
            try:
                spec = aezoo.read(source)
                step = step_of(spec, ranks)
            except Exception as error:  # one that cannot be run on random samples is named, not left out
                print(f"| `{name}` | not counted: {str(error).splitlines()[0][:80]} |" + " |" * 8)
                continue
            held = memory(spec)
            state = held.weights + held.gradients + (held.optimizer or 0) + held.averages
            where = (binds(step, options.flops, speed) for speed in (options.bandwidth, options.network))
            print(
                f"| `{name}` | {spec.parameters:,} | {spec.training.batch_size:,} | {step.operations / 1e9:.2f} | "
                f"{state / 1e6:.1f} | {held.batch / 1e6:.1f} | {step.summed / 1e6:.2f} | {step.gathered / 1e6:.2f} | "
                f"{' | '.join(f'{number:.2g}' for number in where)} |"
            )
        dist.destroy_process_group()


if __name__ == "__main__":
    main()
