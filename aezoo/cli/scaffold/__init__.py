"""Write the distribution of a new plugin from templates.

The templates are a plugin called `newborn`: a text is made from one by putting another name in its place. Those
under `common` belong to every plugin; each kind adds its part, a spec and tests, or takes the place of a common one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from keyword import iskeyword, issoftkeyword
from pathlib import Path, PurePosixPath

from aezoo.errors import NotFound, Refused, UsageError
from aezoo.files import atomic_write
from aezoo.hints import did_you_mean
from aezoo.registry.status import NAMESPACE

#: Kind of the first part -> what the plugin adds, for people, and how a spec uses it.
KINDS = {
    "layer": ("a layer of maxout units", 'encoder = [{ type = "newborn:maxout", features = 64 }]'),
    "latent": ("a latent, a code on the unit sphere", 'latent = { type = "newborn:sphere", dim = 8 }'),
    "regularizer": (
        "a regularizer that decorrelates the code",
        'regularizers.decorrelation = { type = "newborn:decorrelation", weight = 0.1 }',
    ),
    "corruption": ("a corruption, speckle", 'corruption = [{ type = "newborn:speckle", std = 0.2 }]'),
    "likelihood": (
        "a likelihood with heavy tails, Student's t",
        'likelihood = { type = "newborn:student", degrees = 5.0 }',
    ),
    "objective": (
        "an objective that leaves the worst samples out",
        'objective = { type = "newborn:trimmed", keep = 0.9 }',
    ),
    "dataset": ("a dataset, the Swiss roll", 'data = { type = "newborn:swiss_roll", n = 2000 }'),
    "metric": ("a metric, the absolute error", 'metrics = ["newborn:absolute_error"]'),
    "variant": ("a variant for data with outliers", 'variants = ["newborn:robust"]'),
}
LONGEST = 40


def scaffold(name: str, kind: str, folder: Path | None = None, *, force: bool = False) -> tuple[Path, list[str]]:
    """Write the distribution `aezoo-NAME`, which adds a part of a kind under the namespace `name`.

    Args:
        name: The namespace; of letters, digits and single `_`.
        kind: Of its first part, or `variant`.
        folder: Where to; `aezoo-NAME` in the working folder by default.
        force: Whether files that are there may be replaced; others in the folder are left alone.

    Returns:
        The folder, and the files in it, as paths from there.

    Raises:
        UsageError: The name or the kind is none.
        Refused: The folder is there, and not empty.
        NotFound: The folder that it would lie in is not there.
    """
    _admit(name, kind)
    folder = folder or Path(distribution(name))
    _claim(folder, force=force)
    texts = {_named(path, name): _named(text, name) for path, text in _templates(kind).items()}
    for path, text in texts.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        atomic_write(folder / path, text)
    return folder, sorted(texts)


def distribution(name: str) -> str:
    """What the distribution of a namespace is called."""
    return f"aezoo-{name.replace('_', '-')}"


def _admit(name: str, kind: str) -> None:
    if kind not in KINDS:
        hint = did_you_mean(kind, KINDS, f"there are {', '.join(KINDS)}")
        raise UsageError(f"--kind {kind}: there is no template for it", hint=hint)
    if not NAMESPACE.fullmatch(name) or len(name) > LONGEST:
        plain = re.sub(r"[^a-z0-9]+", "_", name.lower().removeprefix("aezoo")).strip("_0123456789")[:LONGEST]
        hint = f"letters, digits and single '_', like {plain.strip('_') or 'my_parts'!r}"
        raise UsageError(f"{name!r} cannot be the name of a plugin", hint=hint)
    if name in KINDS or name in ("aezoo", "newborn", "test", "tests") or iskeyword(name) or issoftkeyword(name):
        raise UsageError(f"{name!r} is reserved", hint="name it after the method, the paper or yourself")


def _claim(folder: Path, *, force: bool) -> None:
    if folder.exists() and not folder.is_dir():
        raise Refused(f"{folder} is a file", hint="name another --out")
    if folder.is_dir() and any(folder.iterdir()) and not force:
        raise Refused(f"{folder} exists and is not empty", hint="name another --out, or --force replaces its files")
    if not folder.absolute().parent.is_dir():
        raise NotFound(f"{folder.parent}: no such folder", hint="make it first")


def _templates(kind: str) -> dict[str, str]:
    """Path -> text, for the plugin that is called `newborn`."""
    adds, use = KINDS[kind]
    root = files(__name__) / "templates"
    texts = {path: text for part in ("common", kind) for path, text in _texts(root / part, PurePosixPath())}
    readme = texts["README.md"].replace("NEWBORN_USE", f"```toml\n# fragment\n{use}\n```")
    return {path: text.replace("NEWBORN_ADDS", adds) for path, text in {**texts, "README.md": readme}.items()}


def _texts(folder: Traversable, path: PurePosixPath) -> Iterator[tuple[str, str]]:
    for item in folder.iterdir():
        if item.is_dir():
            yield from _texts(item, path / item.name)
        else:
            yield str(path / item.name).removesuffix(".txt"), item.read_text(encoding="utf-8")


def _named(text: str, name: str) -> str:
    return text.replace("aezoo-newborn", distribution(name)).replace("newborn", name)
