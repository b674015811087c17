"""What a whole training run costs beside pythae's pipeline, on equal networks, data, batches and epochs.

    OMP_NUM_THREADS=1 python benchmarks/pythae.py runs/pythae                    four models at 1, 4 and 12 epochs
    OMP_NUM_THREADS=1 python benchmarks/pythae.py runs/pythae --models ae --epochs 1

pythae and what it imports are installed into the folder, on the first run, and this environment stays as it is; torch
is the same for both. Each run is a call in one warm process: pythae's `TrainingPipeline` converts, checks, trains and
saves; `aezoo.train` reads, builds, checks, trains, saves, validates each epoch and judges the model on data of its
own. Runs of both sides follow each other in turns of changing order, after one of each that is not counted; CPU
seconds of one thread. A ratio is pythae's time over aezoo's: above 1 aezoo is faster.
"""

from __future__ import annotations

import argparse
import logging
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch

import aezoo

#: pythae and what it imports, without their requirements: torch and numpy are here.
PACKAGES = ["pythae==0.1.2", "cloudpickle", "imageio", "scipy", "scikit-learn", "joblib", "threadpoolctl", "narwhals"]
SHAPE, HIDDEN, LATENT, BATCH, RATE = (1, 28, 28), 512, 16, 128, 1e-3
TRAIN = 8_000
#: aezoo holds a tenth out for validation and a tenth for the test; pythae gets the number that is left.
ALL = 10_000
MODELS = {"ae": "AE", "vae": "VAE", "beta-vae": "BetaVAE", "vq-vae": "VQVAE"}


def install(folder: Path) -> None:
    """Install pythae into the folder, unless it is there, and let this process import it."""
    if not (folder / "pythae").is_dir():
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder), *PACKAGES]
        subprocess.run(command, check=True)
    sys.path.insert(0, str(folder))  # before the folder of this file, which has the same name


def spec_of(model: str, epochs: int) -> dict[str, Any]:
    """784-512-16-512-784 with a relu between and a sigmoid at the end, as pythae's default networks are."""
    spec: dict[str, Any] = {
        "name": model,
        "input": {"shape": list(SHAPE), "range": [0.0, 1.0]},
        "encoder": [{"type": "flatten"}, {"type": "linear", "features": HIDDEN}],
        "latent": {"type": "deterministic", "dim": LATENT},
        "likelihood": {"type": "mse", "output": "sigmoid"},
        "training": {"epochs": epochs, "batch_size": BATCH, "optimizer": {"type": "adam", "lr": RATE}},
    }
    if model in ("vae", "beta-vae"):
        spec["latent"] = {"type": "gaussian", "dim": LATENT}
        spec["likelihood"] = {"type": "gaussian", "variance": "fixed", "sigma": 1.0, "output": "sigmoid"}
        spec["regularizers"] = {"kl": {"weight": 1.0 if model == "vae" else 10.0}}
    if model == "vq-vae":  # pythae quantizes each of the 16 numbers by itself, with a codebook of 512 numbers
        spec["requires"] = ["aezoo-quantize"]
        spec["encoder"] += [{"type": "linear", "features": LATENT, "activation": "identity"}]
        spec["encoder"] += [{"type": "reshape", "shape": [1, LATENT]}]
        spec["latent"] = {"type": "quantize:vq", "dim": 1, "codes": 512, "layout": "spatial"}
        spec["regularizers"] = {
            "commitment": {"type": "quantize:commitment", "weight": 0.25},
            "codebook": {"type": "quantize:codebook"},
        }
    return spec


def by_aezoo(model: str, epochs: int, data: torch.Tensor) -> None:
    """One run, saved in a folder."""
    with tempfile.TemporaryDirectory() as out:
        aezoo.train(spec_of(model, epochs), data.numpy(), out=Path(out, "model"), device="cpu", threads=1)


def by_pythae(model: str, epochs: int, data: torch.Tensor) -> None:
    """One run, saved in a folder."""
    import pythae.models
    from pythae.pipelines import TrainingPipeline
    from pythae.trainers import BaseTrainerConfig

    with tempfile.TemporaryDirectory() as out:
        training = BaseTrainerConfig(
            output_dir=out,
            num_epochs=epochs,
            learning_rate=RATE,
            per_device_train_batch_size=BATCH,
            no_cuda=True,
        )
        config = getattr(pythae.models, f"{MODELS[model]}Config")(input_dim=SHAPE, latent_dim=LATENT)
        built = getattr(pythae.models, MODELS[model])(config)
        TrainingPipeline(model=built, training_config=training)(train_data=data[:TRAIN])


def seconds(run: Callable[[], None]) -> float:
    """CPU seconds of a call, its bars written to nowhere."""
    with open(os.devnull, "w") as null, redirect_stderr(null):
        begun = time.process_time()
        run()
        return time.process_time() - begun


def compare(model: str, epochs: int, data: torch.Tensor, pairs: int) -> None:
    """A row: the median of the ratios, their range, and both times."""
    sides = {"aezoo": lambda: by_aezoo(model, epochs, data), "pythae": lambda: by_pythae(model, epochs, data)}
    spent: dict[str, list[float]] = {name: [] for name in sides}
    for pair in range(pairs + 1):
        for name in list(sides)[:: 1 if pair % 2 else -1]:
            took = seconds(sides[name])
            if pair:
                spent[name].append(took)
    ratios = sorted(theirs / ours for ours, theirs in zip(spent["aezoo"], spent["pythae"], strict=True))
    ours, theirs = (statistics.median(spent[name]) for name in ("aezoo", "pythae"))
    middle = statistics.median(ratios)
    extent = f"[{ratios[0]:.2f} to {ratios[-1]:.2f}]"
    print(f"{model:9s} {epochs:3d} epochs  {middle:5.2f} {extent}  {ours:.2f} s beside {theirs:.2f} s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare whole training runs with pythae's pipeline.")
    parser.add_argument("folder", type=Path, help="where pythae is installed")
    parser.add_argument("--models", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--epochs", nargs="+", type=int, default=[1, 4, 12])
    parser.add_argument("--pairs", type=int, default=5)
    given = parser.parse_args()
    install(given.folder.resolve())
    torch.set_num_threads(1)
    logging.disable(logging.CRITICAL)
    data = torch.rand(ALL, *SHAPE, generator=torch.Generator().manual_seed(0))
    for model in given.models:
        for epochs in given.epochs:
            compare(model, epochs, data, given.pairs)


if __name__ == "__main__":
    main()
