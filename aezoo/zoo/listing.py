"""Listing: the models that are there, in the wheel, in the store and on the Hub, as rows. No model is opened."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from aezoo.errors import AezooError
from aezoo.names import inert
from aezoo.storage import layout
from aezoo.zoo import embedded
from aezoo.zoo.cache import Kept, shelves

if TYPE_CHECKING:
    from aezoo.spec.document import Spec
    from aezoo.zoo.client import SearchResult

#: The metrics that say most about a model; the first that it has is shown. The share of variance that it leaves
#: unexplained is the same whatever the data's units.
KEY_METRICS = ("fvu", "squared_error")
#: How many models of the Hub are listed.
MOST = 100


class Listed(NamedTuple):
    """One model.

    Attributes:
        name: By which it is pulled and loaded.
        family: What kind of autoencoder it is, in the field's words.
        input: Shape of a sample; empty if unknown.
        parameters: How many; None if unknown.
        size: Bytes of all its files; None if unknown.
        metric: Name of its key metric; empty if it has none.
        value: Of that metric.
        license: Of the weights.
        where: `embedded`, `cached` or `hub`.
        commit: Of a repository.
        description: In a line.
    """

    name: str
    family: str = ""
    input: tuple[int, ...] = ()
    parameters: int | None = None
    size: int | None = None
    metric: str = ""
    value: float | None = None
    license: str = ""
    where: str = ""
    commit: str = ""
    description: str = ""


def listed(*, remote: bool = False, search: str | None = None) -> list[Listed]:
    """The models in the wheel and in the store, and those of the Hub if `remote`.

    Raises:
        HubError: The Hub does not answer.
    """
    rows = [*_embedded(), *_cached()]
    if remote:
        from aezoo.zoo.client import Hub

        rows += [_remote(one) for one in Hub().search(search, limit=MOST)]
    return [one for one in rows if _matches(one, search or "")]


def _matches(one: Listed, search: str) -> bool:
    return search.lower() in f"{one.name} {one.family} {one.description}".lower()


def described(folder: Path, spec: Spec) -> dict[str, Any]:
    """What the index of the embedded zoo holds of a model."""
    from aezoo.storage.front_matter import families
    from aezoo.storage.verification import read_facts

    metrics = read_facts(folder, layout.METRICS) or {}
    metric, value = key_metric(metrics.get("metrics"))
    return {
        "family": " ".join(families(spec)),
        "input": list(spec.input.shape),
        "parameters": spec.parameters,
        "size": sum((folder / name).stat().st_size for name in layout.NAMES if (folder / name).is_file()),
        "metric": metric,
        "value": value,
        "license": spec.license,
        "description": spec.description,
    }


def key_metric(metrics: object) -> tuple[str, float | None]:
    """The name and value of the metric that says most."""
    from aezoo.storage.score_files import numbers

    values = numbers(metrics)
    name = next((name for name in (*KEY_METRICS, *values) if name in values), "")
    return name, values.get(name)


def _embedded() -> Iterator[Listed]:
    for name, entry in embedded.index().items():
        known = {key: entry[key] for key in Listed._fields if key in entry}
        yield Listed(**{**known, "name": name, "input": tuple(entry["input"]), "where": "embedded"})


def _cached() -> Iterator[Listed]:
    for repository in shelves():
        for kept in repository.kept():
            if kept.lock is None or kept.lock.endpoint:  # what came out of the wheel is listed as such
                yield _kept(kept)


def _kept(kept: Kept) -> Listed:
    from aezoo.storage import config_json

    name = kept.name if "main" in kept.revisions else f"{kept.name}@{_shortest(kept)}"
    row = Listed(inert(name, 200), size=kept.size, where="cached", commit=kept.commit)
    try:
        description = described(kept.folder, config_json.read_manifest(kept.folder))
    except AezooError:  # of a plugin that is not here, or damaged: it is listed all the same
        return row
    return row._replace(
        family=inert(description["family"]),
        input=tuple(description["input"]),
        parameters=description["parameters"],
        metric=inert(description["metric"]),
        value=description["value"],
        license=inert(description["license"]),
        description=inert(description["description"], 400),
    )


def _shortest(kept: Kept) -> str:
    return min(kept.revisions, key=len, default=kept.commit)


def _remote(result: SearchResult) -> Listed:
    """A row from a card, which may hold anything."""
    from aezoo.storage.front_matter import FAMILIES

    card = result.card
    facts = card["aezoo"] if isinstance(card.get("aezoo"), dict) else {}
    metric, value = _indexed(card.get("model-index"))
    shape, parameters = facts.get("input"), facts.get("parameters")
    return Listed(
        name=inert(result.repo),
        family=inert(" ".join(tag for tag in result.tags if tag in FAMILIES)),
        input=tuple(n for n in shape if _counts(n))[:8] if isinstance(shape, list) else (),
        parameters=parameters if _counts(parameters) else None,
        metric=inert(metric),
        value=value,
        license=inert(card.get("license")),
        where="hub",
        commit=inert(result.commit),
    )


def _indexed(index: object) -> tuple[str, float | None]:
    """The key metric of a card's `model-index`."""
    try:
        rows = index[0]["results"][0]["metrics"]  # type: ignore[index]
        return key_metric({str(row["type"]): row["value"] for row in rows[:100] if _number(row["value"])})
    except (KeyError, IndexError, TypeError):
        return "", None


def _counts(value: object) -> bool:
    return type(value) is int and 0 <= value < 1 << 63


def _number(value: object) -> bool:
    return isinstance(value, (int, float)) and abs(value) < 1 << 63
