"""What aezoo costs beside the loop that one would write by hand.

    OMP_NUM_THREADS=1 python benchmarks/training.py            all rows, about five minutes
    OMP_NUM_THREADS=1 python benchmarks/training.py mlp start  some
    OMP_NUM_THREADS=1 python benchmarks/training.py fast       precision = "fast" beside the best loop in float32

Protocol: one process, one thread, CPU seconds (robust on a shared machine); fresh instances of both sides in each
pair, the pair interleaved in short chunks, weights and moments reset before each chunk (an optimizer with denormal
moments is slower), garbage collection off inside a chunk; the median of the ratios is the figure.
Ratios are samples per second of aezoo over those of the other: above 1 aezoo is faster.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aezoo.building.builder import build, objective_of
from aezoo.data.batches import Batches
from aezoo.data.sources import open_samples
from aezoo.reading.reader import read
from aezoo.training.arithmetic import Choice
from aezoo.training.fast_precision import chosen
from aezoo.training.loop import Loop
from aezoo.training.progress import Terminal
from aezoo.training.setup import set_up

CHUNK = float(os.environ.get("CHUNK", "0.15"))
PAIRS = int(os.environ.get("PAIRS", "7"))
Chunk = Callable[[int], None]


# --- the two loops that one would write by hand -----------------------------------------------------------


class HandMLP(nn.Module):
    def __init__(self, *dims: int) -> None:
        super().__init__()
        self.encoder, self.decoder = self._stack(dims), self._stack(dims[::-1])

    @staticmethod
    def _stack(dims: tuple[int, ...]) -> nn.Sequential:
        layers: list[nn.Module] = []
        for a, b in zip(dims, dims[1:], strict=False):
            layers += [nn.Linear(a, b), nn.ReLU()]
        return nn.Sequential(*layers[:-1])

    def forward(self, x: Tensor) -> Tensor:
        x = x.flatten(1)
        return (self.decoder(self.encoder(x)) - x).square().sum(1).mean()


class HandConvVAE(nn.Module):
    def __init__(self, size: int, channels: tuple[int, ...], dim: int) -> None:
        super().__init__()
        small, top = size // 2 ** (len(channels) - 1), channels[-1]
        down: list[nn.Module] = []
        up: list[nn.Module] = []
        for a, b in zip(channels, channels[1:], strict=False):
            down += [nn.Conv2d(a, b, 4, 2, 1), nn.ReLU()]
            up = [nn.ReLU(), nn.ConvTranspose2d(b, a, 4, 2, 1), *up]
        self.down, self.up = nn.Sequential(*down), nn.Sequential(*up)
        self.head, self.tail = nn.Linear(top * small**2, 2 * dim), nn.Linear(dim, top * small**2)
        self.grid = top, small, small

    def forward(self, x: Tensor) -> Tensor:
        mean, logvar = self.head(self.down(x).flatten(1)).chunk(2, 1)
        z = mean + (logvar / 2).exp() * torch.randn_like(mean)
        y = self.up(self.tail(z).unflatten(1, self.grid))
        nll = F.binary_cross_entropy_with_logits(y, x, reduction="sum")
        kl = 0.5 * (mean.square() + logvar.exp() - 1 - logvar).sum()
        return (nll + kl) / x.shape[0]


class HandTopK(nn.Module):
    """A wide sparse autoencoder by dense autograd."""

    def __init__(self, width: int, units: int, k: int) -> None:
        super().__init__()
        self.k, self.encoder, self.decoder = k, nn.Linear(width, units), nn.Linear(units, width)

    def forward(self, x: Tensor) -> Tensor:
        pre = self.encoder(x)
        top = pre.topk(self.k, dim=1)
        z = torch.zeros_like(pre).scatter(1, top.indices, top.values.relu())
        return (self.decoder(z) - x).square().sum(1).mean()


def hand(model: nn.Module, data: Tensor, batch: int, *, naive: bool = False) -> Chunk:
    """The best plain loop (fused Adam, whole-batch gathers, the loss read once, denormals flushed).

    Or the usual naive one: a DataLoader, Adam as it comes, `item()` at each step, denormals as they come.
    """
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=None if naive else True)
    reset = resetter(model, optimizer)

    def gathered() -> Iterator[Tensor]:
        while True:
            for index in torch.randperm(len(data))[: len(data) // batch * batch].split(batch):
                yield data.index_select(0, index)

    def loaded() -> Iterator[Tensor]:
        loader = torch.utils.data.DataLoader(
            torch.utils.data.TensorDataset(data), batch_size=batch, shuffle=True, drop_last=True
        )
        while True:
            for (x,) in loader:
                yield x

    stream = loaded() if naive else gathered()

    def run(steps: int) -> None:
        torch.set_flush_denormal(not naive)
        total, seen = torch.zeros(()), 0.0
        for _ in range(steps):
            x = next(stream)
            optimizer.zero_grad(set_to_none=True)
            loss = model(x)
            loss.backward()
            optimizer.step()
            if naive:
                seen += loss.item()
            else:
                total += loss.detach()
        total.item()
        torch.set_flush_denormal(True)

    run.reset = reset  # type: ignore[attr-defined]
    return run


def resetter(model: nn.Module, optimizer: torch.optim.Optimizer) -> Callable[[], None]:
    parameters = list(model.parameters())
    first = [p.detach().clone() for p in parameters]

    @torch.no_grad()
    def reset() -> None:
        torch._foreach_copy_(parameters, first)
        for state in optimizer.state.values():
            for value in state.values():
                value.zero_()

    return reset


# --- aezoo's own loop, driven for a number of steps -------------------------------------------------------


def ours(spec: dict[str, Any], data: Tensor, choice: Choice | None = None) -> Chunk:
    """The real Loop with the callbacks of the command line, its bar written to nowhere."""
    model = build(spec)
    samples = open_samples(data, model.spec)
    batches = Batches(samples, model.spec)
    objective = objective_of(model, steps=10**9).train()
    if choice:
        choice.arithmetic.set(objective)
        if choice.arithmetic.channels_last:
            model.network.to(memory_format=torch.channels_last)
    sink = open(os.devnull, "w")  # noqa: SIM115
    loop = Loop(objective, model.spec.training, batches, steps=10**9, progress=Terminal(sink))

    def read(outcome: object) -> bool:
        """The end of an epoch: the loss is read, as the hand loop reads it, and nothing is validated."""
        loop.means()
        loop.players[0].meter.clear()
        return False

    loop._finish_epoch = read  # type: ignore[method-assign]
    optimizer = loop.players[0].optimizer
    reset = resetter(model.network, optimizer)

    def run(steps: int) -> None:
        loop.step, loop.steps = 0, steps
        loop._outcome = None  # from the first epoch on
        loop.run()

    run.reset = reset  # type: ignore[attr-defined]
    return run


def linear(*features: int) -> list[dict[str, Any]]:
    return [{"type": "flatten"}, {"type": "linear", "each": {"features": list(features)}}]


def conv(*channels: int) -> list[dict[str, Any]]:
    return [{"type": "conv", "kernel": 4, "stride": 2, "padding": 1, "each": {"channels": list(channels)}}]


def spec(
    name: str, shape: list[int], encoder: list[dict[str, Any]], dim: int, batch: int, *, vae: bool
) -> dict[str, Any]:
    return {
        "name": name,
        "input": {"shape": shape, "range": [0.0, 1.0]},
        "encoder": encoder,
        "latent": {"type": "gaussian" if vae else "deterministic", "dim": dim},
        "likelihood": "bernoulli" if vae else "mse",
        **({"regularizers": {"kl": {"weight": 1.0}}} if vae else {}),
        "training": {"batch_size": batch, "steps": 1},
    }


WORK: dict[str, tuple[dict[str, Any], Callable[[], nn.Module], tuple[int, ...], int, int]] = {
    "tiny": (spec("tiny", [64], linear(32)[1:], 8, 32, vae=False), lambda: HandMLP(64, 32, 8), (64,), 20_000, 32),
    "mlp": (
        spec("mlp", [784], linear(512, 256)[1:], 16, 128, vae=False),
        lambda: HandMLP(784, 512, 256, 16),
        (784,),
        30_000,
        128,
    ),
    "conv28": (
        spec("conv28", [1, 28, 28], conv(32, 64), 16, 128, vae=True),
        lambda: HandConvVAE(28, (1, 32, 64), 16),
        (1, 28, 28),
        10_000,
        128,
    ),
    "conv64": (
        spec("conv64", [3, 64, 64], conv(32, 64, 128, 256), 128, 64, vae=True),
        lambda: HandConvVAE(64, (3, 32, 64, 128, 256), 128),
        (3, 64, 64),
        2_048,
        64,
    ),
}


# --- measuring --------------------------------------------------------------------------------------------


def seconds(run: Chunk, steps: int) -> float:
    getattr(run, "reset", lambda: None)()
    gc.collect()
    gc.disable()
    start = time.process_time()
    run(steps)
    spent = time.process_time() - start
    gc.enable()
    return spent


def ratio(new: Callable[[], Chunk], other: Callable[[], Chunk]) -> tuple[list[float], list[float]]:
    """Ratios of speed, and microseconds a step that `new` spends more, over fresh pairs."""
    ratios, extra = [], []
    for pair in range(PAIRS):
        sides = [new(), other()] if pair % 2 == 0 else [other(), new()][::-1]
        for side in sides:
            side(3)
        steps = max(2, round(CHUNK / (seconds(sides[1], 5) / 5)))
        rounds = []
        for i in range(5):
            order = (0, 1, 0) if i % 2 == 0 else (1, 0, 1)
            spent = {0: [], 1: []}  # type: dict[int, list[float]]
            for which in order:
                spent[which].append(seconds(sides[which], steps) / steps)
            rounds.append((statistics.mean(spent[0]), statistics.mean(spent[1])))
        ratios.append(statistics.median(b / a for a, b in rounds))
        extra.append(statistics.median((a - b) * 1e6 for a, b in rounds))
    return ratios, extra


def versus(name: str) -> None:
    declared, model, shape, count, batch = WORK[name]
    torch.manual_seed(0)
    data = torch.rand(count, *shape)
    ratios, extra = ratio(lambda: ours(declared, data), lambda: hand(model(), data, batch))
    row(f"{name}: aezoo / best loop by hand", ratios, f"{statistics.median(extra):+.0f} us a step")
    if name in ("tiny", "mlp"):
        ratios, _ = ratio(lambda: ours(declared, data), lambda: hand(model(), data, batch, naive=True))
        row(f"{name}: aezoo / naive loop", ratios)


def fast() -> None:
    """`precision = "fast"`: what it chooses, what that costs, and its speed beside the best loop in float32."""
    table = spec("sae", [512], [], 8192, 512, vae=False)
    table["latent"] = {"type": "topk", "dim": 8192, "k": 32}
    work = {name: WORK[name] for name in ("mlp", "conv28", "conv64")}
    work["sae"] = table, lambda: HandTopK(512, 8192, 32), (512,), 8_192, 512
    for name, (declared, model, shape, count, batch) in work.items():
        torch.manual_seed(0)
        data = torch.rand(count, *shape)
        asked = read(declared, overrides=["training.precision=fast", "training.steps=100000"])
        setup = set_up(asked, data, device="cpu")
        begun = time.process_time()
        choice = chosen(asked, setup)
        print(f"{name}: {choice}; chosen in {1e3 * (time.process_time() - begun):.0f} ms")
        ratios, extra = ratio(
            lambda d=declared, x=data, c=choice: ours(d, x, c), lambda m=model, x=data, b=batch: hand(m(), x, b)
        )
        row(f"{name}: fast / best loop in float32", ratios, f"{statistics.median(extra):+.0f} us a step")


def encode() -> None:
    """`Model.encode` beside a bare inference_mode loop over the same chunks."""
    declared, _, shape, _, _ = WORK["conv28"]
    for name in ("mlp", "conv28"):
        declared, _, shape, _, _ = WORK[name]
        data = torch.rand(8_192, *shape)

        def by_aezoo(declared: dict[str, Any] = declared, data: Tensor = data) -> Chunk:
            model = build(declared)
            return lambda steps: [model.encode(data) for _ in range(steps)] and None

        def bare(declared: dict[str, Any] = declared, data: Tensor = data) -> Chunk:
            network = build(declared).network.eval()

            def run(steps: int) -> None:
                with torch.inference_mode():
                    for _ in range(steps):
                        torch.cat([network.code_of(x) for x in data.split(128)])

            return run

        ratios, _ = ratio(by_aezoo, bare)
        row(f"encode {name}: aezoo / bare inference_mode", ratios)


def start() -> None:
    """CPU seconds of whole processes over those of a bare interpreter, interleaved, median of 15.

    With bytecode, as an installer leaves it: a checkout under PYTHONDONTWRITEBYTECODE compiles every file each time.
    """
    commands = {
        "bare": ["-c", "pass"],
        "import aezoo": ["-c", "import aezoo"],
        "--help": ["-m", "aezoo", "--help"],
        "check": ["-m", "aezoo", "check", "vanilla-digits"],
    }
    spent: dict[str, list[float]] = {name: [] for name in commands}
    with tempfile.TemporaryDirectory() as bytecode:
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
        for _ in range(16):
            for name, command in commands.items():
                spent[name].append(processor({**environment, "PYTHONPYCACHEPREFIX": bytecode}, command))
    bare = statistics.median(spent["bare"][1:])  # the first round wrote the bytecode
    for name in ("import aezoo", "--help", "check"):
        value = statistics.median(spent[name][1:])
        print(f"{name:40s} {value / bare:6.1f}x a bare interpreter ({1e3 * value:.0f} ms, {1e3 * bare:.0f} ms)")


def processor(environment: dict[str, str], command: list[str]) -> float:
    """CPU seconds of one interpreter."""
    begun = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *command], check=True, capture_output=True, env=environment)
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return ended.ru_utime + ended.ru_stime - begun.ru_utime - begun.ru_stime


RUN = """
import json, time
import torch
begun = time.process_time()
import numpy as np
import aezoo
spec = aezoo.read("vanilla-digits", overrides=["training.steps=1"])
samples = np.random.default_rng(0).random((64, *spec.input.shape), dtype="float32")
aezoo.train(spec, samples)
print(json.dumps(time.process_time() - begun))
"""


def run() -> None:
    """CPU seconds of one step over 64 samples beside `import torch`: read, build, train and evaluate, all imports."""
    with tempfile.TemporaryDirectory() as bytecode:
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
        environment["PYTHONPYCACHEPREFIX"] = bytecode
        spent = [
            float(subprocess.check_output([sys.executable, "-c", RUN], env=environment, text=True)) for _ in range(6)
        ]
    spent = sorted(spent[1:])  # the first one wrote the bytecode
    print(f"{'fixed cost of a run':40s} {statistics.median(spent):6.2f} CPU s  [{spent[0]:.2f} to {spent[-1]:.2f}]")


PEAK = """
import json, sys, torch
torch.set_num_threads(1)
{body}
line = next(l for l in open('/proc/self/status') if l.startswith('VmHWM'))
print(json.dumps(int(line.split()[1]) / 1024))
"""

BARE = """
import sys; sys.path.insert(0, 'benchmarks')
from training import WORK, hand
declared, model, shape, count, batch = WORK['mlp']
hand(model(), torch.rand(count, *shape), batch)(500)
"""

OURS = """
import sys; sys.path.insert(0, 'benchmarks')
from training import WORK, ours
declared, model, shape, count, batch = WORK['mlp']
ours(declared, torch.rand(count, *shape))(500)
"""


def memory() -> None:
    """Peak resident memory of 500 steps of the MLP; both import the same modules."""
    peak = {}
    for name, body in (("hand", BARE), ("aezoo", OURS)):
        done = subprocess.run(
            [sys.executable, "-c", PEAK.format(body=body)], check=True, capture_output=True, text=True
        )
        peak[name] = json.loads(done.stdout.splitlines()[-1])
    more = peak["aezoo"] - peak["hand"]
    print(f"{'peak memory, mlp':40s} {more:+.0f} MiB over the loop by hand ({peak['hand']:.0f} MiB)")


def row(title: str, ratios: list[float], note: str = "") -> None:
    low, middle, high = min(ratios), statistics.median(ratios), max(ratios)
    print(f"{title:40s} {middle:.3f}  [{low:.3f} to {high:.3f}]  {note}", flush=True)


def main() -> None:
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    wanted = sys.argv[1:] or [*WORK, "encode", "start", "run", "memory"]
    for name in wanted:
        if name in WORK:
            versus(name)
        else:
            {"encode": encode, "start": start, "run": run, "memory": memory, "fast": fast}[name]()


if __name__ == "__main__":
    main()
