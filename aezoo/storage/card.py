"""The model card: README.md of a model's folder, as people and the Hub read it.

It is written from what stands in the folder: the spec, metrics.json, training.json. What people write before the first
marker or after the last is theirs, and is kept when the card is written anew.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from aezoo.diagnosis.finding import read_findings
from aezoo.names import inert
from aezoo.spec.component import Component
from aezoo.spec.document import Spec
from aezoo.spec.kinds import LayerSpec
from aezoo.spec.shape import Shape, text
from aezoo.spec.summary import field_uses
from aezoo.storage.front_matter import front_matter, quoted
from aezoo.storage.score_files import numbers

Facts = Mapping[str, Any]
Row = tuple[str, str, str, str]
#: What each picture shows.
CAPTIONS = {
    "reconstructions": "Originals of the {split} split above their reconstructions",
    "samples": "Samples: codes drawn from the prior, decoded",
    "interpolations": "Interpolations: straight lines between two codes, decoded",
}

#: The same where codes lie in a curved space.
CURVED = {"interpolations": "Interpolations: the shortest ways between two codes, decoded"}
#: The same where inputs are spoilt.
SPOILT = {"reconstructions": "Originals of the {split} split, how they are spoilt, and what the model makes of that"}
#: What the card says of a run, by its keys in training.json.
RUN = ("steps", "device", "seconds", "seed", "ended")
#: Around what is written anew.
BEGIN = "<!-- aezoo: what follows is written anew at each push -->"
END = "<!-- aezoo: what follows is kept -->"


def card(
    spec: Spec,
    metrics: Facts | None = None,
    record: Facts | None = None,
    *,
    pictures: Sequence[str] = (),
    address: str = "",
    around: tuple[str, str] = ("", ""),
) -> str:
    """The text of the card.

    Args:
        spec: Of the model.
        metrics: What metrics.json holds: metrics and baselines by name, dataset, split, n, seed.
        record: What training.json holds: seed, device, versions, time.
        pictures: Names of those in `samples/`.
        address: What `aezoo.load` takes to find the model; the folder itself by default.
        around: What people wrote before and after.
    """
    parts = [
        f"# {spec.name}",
        _introduction(spec),
        _use(spec, address),
        _pictures(spec, pictures, metrics),
        _architecture(spec),
        _data(spec, record or {}),
        _metrics(metrics),
        _diagnosis(metrics, record or {}),
        _training(spec, record or {}),
        _limits(spec),
        _verify(address),
        _licence(spec),
    ]
    written = "\n\n".join([BEGIN, *(part for part in parts if part), END])
    before, after = around
    return "\n\n".join(part for part in (front_matter(spec, metrics), before, written, after) if part) + "\n"


def around(markdown: str, *, foreign: bool = False) -> tuple[str, str]:
    """What people wrote before and after the markers of a card.

    Args:
        markdown: The text of the card.
        foreign: Whether people wrote a text without markers, so that it is kept; else it is an old card.
    """
    _, rule, body = markdown.partition("\n---\n") if markdown.startswith("---\n") else ("", "", "")
    body = body if rule else markdown  # a rule that nothing closes is no front matter
    before, begin, rest = body.partition(BEGIN)
    _, end, after = rest.rpartition(END)
    if begin and end:
        return before.strip("\n"), after.strip("\n")
    return "", body.strip("\n") if foreign else ""


def _introduction(spec: Spec) -> str:
    sentences = [spec.description.rstrip(".") + "." if spec.description else ""]
    what = "An autoencoder" if spec.reconstructs else "An encoder, without a decoder,"
    sentences.append(
        f"{what} of {_article(spec.input.kind)} [{text(spec.input.shape)}] with a code of"
        f" {text(spec.code_shape)} values, {spec.parameters:,} parameters."
    )
    if spec.paper:
        sentences.append(f"Paper: {spec.paper}.")
    return " ".join(part for part in sentences if part)


def _article(kind: str) -> str:
    return {"image": "images", "vector": "vectors", "signal": "signals", "volume": "volumes"}.get(kind, kind)


def _use(spec: Spec, address: str) -> str:
    needs = "".join(f" {quoted(name)}" for name in ("aezoo", *spec.requires))
    code, data = text(spec.code_shape), text(spec.input.shape)
    where = "" if address else ", then, from the folder of this file:"
    return f"""## Use

`pip install{needs}`{where}

```python
import aezoo
model = aezoo.load({quoted(address or ".")})
codes = model.encode(data)  # an array, a tensor or a file of samples [N, {data}] -> [N, {code}]
```

{_verbs(spec)} Nothing here is code: weights are safetensors, everything else is JSON, Markdown and PNG.\
{_fields(spec)}"""


def _fields(spec: Spec) -> str:
    """What has to go along with the samples."""
    uses = [f"- `{name}`: {holds}; {role}" for name, holds, role in field_uses(spec)]
    if not uses:
        return ""
    listed = "\n".join(uses)
    return f"\n\nBeside the samples it takes `fields={{...}}`, an array for each, or one value for all:\n\n{listed}"


def _verbs(spec: Spec) -> str:
    if not spec.decodes:
        return "`model.score(data)` says how strange each sample is." if spec.objective.scores else ""
    sampling = ", `model.sample(n)`" if spec.latent.prior is not None else ""
    scoring = "`model.score(data)` (how strange each sample is)"
    return f"`model.decode(codes)`, `model.reconstruct(data)`{sampling} and {scoring}\nwork alike."


def _pictures(spec: Spec, names: Sequence[str], metrics: Facts | None) -> str:
    split = metrics.get("split") if metrics else "test"
    captions_by_name = {**CAPTIONS, **(CURVED if spec.latent.space else {}), **(SPOILT if spec.corruption else {})}
    units = ", in standardized units" if spec.input.normalize == "standardize" and not spec.target_range else ""
    captions = [(name, captions_by_name.get(name, name).format(split=split) + units) for name in names]
    return "\n\n".join(f"![{caption}](samples/{name}.png)\n*{caption}.*" for name, caption in captions)


def _architecture(spec: Spec) -> str:
    rows: list[Row] = [("input", spec.input.kind, text(spec.input.shape), "")]
    rows += _layers("encoder", spec.encoder_layers(), spec.encoder_shapes)
    latent = spec.latent
    rows.append(("latent", _summary(latent), text(spec.code_shape), f"{latent.parameters(spec.feature_shape):,}"))
    rows += _layers("decoder", spec.decoder_layers(), spec.decoder_shapes)
    if spec.reconstructs:
        rows.append(("likelihood", _summary(spec.likelihood), text(spec.target_shape), ""))
    table = _table(("stage", "part", "output", "parameters"), rows, align="llrr")
    terms = [f"`{name}` ({_summary(term)})" for name, term in spec.regularizers.items()]
    spoilt = [_summary(part, whole=True) for part in spec.corruption]
    notes = [
        f"Regularizers: {', '.join(terms)}." if terms else "",
        f"Corruption, in training only: {', '.join(spoilt)}." if spoilt else "",
        f"{spec.parameters:,} parameters in all; fingerprint of the architecture `{spec.arch[:16]}`.",
    ]
    return f"## Architecture\n\n{table}\n\n" + " ".join(note for note in notes if note)


def _layers(stage: str, layers: Sequence[LayerSpec], shapes: Sequence[Shape]) -> list[Row]:
    return [
        (f"{stage}.{i}", _summary(layer), text(shapes[i + 1]), _count(layer.parameters(shapes[i])))
        for i, layer in enumerate(layers)
    ]


def _count(parameters: int) -> str:
    return f"{parameters:,}" if parameters else ""


def _summary(part: Component, *, whole: bool = False) -> str:
    """The type and its settings; those that are defaults only if the `whole` is asked for."""
    return _settings(part.model_dump(mode="json", exclude_none=True, exclude_defaults=not whole), part.tag())


def _settings(table: Mapping[str, Any], tag: str) -> str:
    return " ".join([tag, *(f"{key} {_value(value)}" for key, value in table.items() if key != "type")])


def _value(value: Any) -> str:
    """A setting in words: parts within it by their types, a constant by its value."""
    if isinstance(value, Mapping):
        settings = {key: item for key, item in value.items() if key != "type"}
        if set(settings) == {"value"}:
            return _value(settings["value"])
        if "type" in value:
            return f"({_settings(settings, str(value['type']))})"
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, (list, tuple)) and any(isinstance(item, Mapping) for item in value):
        return ", ".join(_value(item) for item in value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _data(spec: Spec, record: Facts) -> str:
    splits = numbers(record.get("splits"))
    source = record.get("data") or (spec.data.tag() if spec.data else "")
    if not source:
        return ""
    known = spec.data is not None and source == spec.data.tag()
    what = f" {_first_line(type(spec.data))}" if known else ""
    sizes = ", ".join(f"{splits[name]:,.0f} {name}" for name in _ordered(splits) if splits[name])
    lines = [f"`{source}`.{what}", f"Samples: {sizes}." if sizes else ""]
    if spec.input.range:
        low, high = spec.input.range
        lines.append(f"Values lie in [{low:g}, {high:g}].")
    return "## Data\n\n" + " ".join(line for line in lines if line)


def _ordered(splits: Mapping[str, float]) -> list[str]:
    usual = [name for name in ("train", "validation", "test") if name in splits]
    return [*usual, *(name for name in splits if name not in usual)]


def _first_line(part: type[Any]) -> str:
    return (part.__doc__ or "").strip().partition("\n")[0]


def _metrics(metrics: Facts | None) -> str:
    if metrics is None:
        return ""
    baseline = metrics.get("baseline")
    tables = {"this model": metrics.get("metrics"), **(baseline if isinstance(baseline, Mapping) else {})}
    columns = {str(name): numbers(row) for name, row in tables.items()}
    named = dict.fromkeys(map(str, tables["this model"])) if isinstance(tables["this model"], Mapping) else {}
    others = sorted({name for row in columns.values() for name in row} - named.keys())
    rows = [(name, *(_number(row.get(name)) for row in columns.values())) for name in (*named, *others)]
    table = _table(("metric", *columns), rows, align="l" + "r" * len(columns))
    dataset, split, n, seed = (_fact(metrics, name) for name in ("dataset", "split", "n", "seed"))
    where = f"`{dataset}`, {split} split, {n} samples, seed {seed}"
    legend = (
        f"`squared_error` is summed over a sample and averaged over samples, {_units(metrics)};"
        " `nll`, `rate` and `elbo` are in nats, `psnr` in decibels."
    )
    return f"## Metrics\n\nOn {where}.\n\n{table}\n\n{legend}"


def _diagnosis(metrics: Facts | None, record: Facts) -> str:
    """What was found to be wrong with the data of the run or with the model; nothing of a model that is well."""
    found = [*read_findings(record.get("findings")), *read_findings((metrics or {}).get("findings"))]
    lines = [f"- {finding.code}, {finding.title.lower()}: {finding.evidence}; {finding.cause}." for finding in found]
    return "\n".join(["## Diagnosis\n", *map(inert_line, lines)]) if lines else ""


def inert_line(line: str) -> str:
    """A line of text that a file may have made up, without what could be more than text."""
    return inert(line, 1000).replace("<", "&lt;")


def _units(metrics: Facts) -> str:
    if metrics.get("units") != "standardized":
        return "in data units"
    return (
        "in standardized units (each feature or channel over its standard deviation), as the loss, `mse` and `fvu` are"
    )


def _fact(facts: Facts, name: str) -> str:
    """What a file holds under a name, which may be anything: a person may have written it."""
    value = facts.get(name)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 63:
        return f"{value:,}"
    return " ".join(str(value)[:100].split())


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.1f}"


def _training(spec: Spec, record: Facts) -> str:
    if not record:
        return ""
    steps, device, seconds, seed, ended = (_fact(record, name) for name in RUN)
    plugins = record.get("plugins")
    own = {name: record[name] for name in ("aezoo", "torch", "python") if name in record}
    own |= plugins if isinstance(plugins, Mapping) else {}
    versions = ", ".join(f"{name} {version}" for name, version in own.items())
    command = record.get("command")
    again = f"run `{command}`" if command else "save the `spec` of `config.json` as a file and run `aezoo train` on it"
    return (
        f"## Training\n\n{steps} steps on {device} in {seconds} s, seed {seed}; {ended}.{_start(record)}"
        f" Versions: {versions}. The whole history is in `training.json`; to train it again, {again}"
        f" (fingerprint of the run `{spec.run[:16]}`)."
    )


def _start(record: Facts) -> str:
    """What the weights were before the first step, if they were those of a model."""
    start = record.get("start")
    if not isinstance(start, Mapping):
        return ""
    counts = [len(start[name]) if isinstance(start.get(name), (list, dict)) else 0 for name in ("taken", "left")]
    return f" It started from the weights of {_fact(start, 'from')}, {counts[0]} of {sum(counts)} tensors."


def _limits(spec: Spec) -> str:
    multiple = spec.input.multiple
    divisible = f" divisible by {multiple}" if multiple != 1 else ""
    taken = f"samples of any size{divisible}, was trained on" if multiple else "samples of exactly"
    sentences = [
        f"It takes {taken} {text(spec.input.shape)} and knows only what the data above show: of anything"
        " else, reconstructions and scores say little.",
    ]
    if not spec.reconstructs:
        sentences.append("It has no decoder, so it can neither reconstruct nor draw samples.")
    elif not spec.decodes:
        sentences.append("Its decoder was trained to fill in what is hidden alone, so it gives codes, and no samples.")
    elif spec.latent.prior is None:
        sentences.append("It has no prior, so it cannot draw new samples.")
    if spec.reconstructs and not spec.likelihood.density:
        sentences.append("Its likelihood is no density: its losses are squared errors, not nats.")
    if spec.decodes or spec.objective.scores:
        sentences.append(
            "A score ranks samples by how badly the model explains them; choose a threshold on data of your own."
        )
    return "## Limits\n\n" + " ".join(sentences)


def _verify(address: str) -> str:
    command = f"aezoo pull {address} && aezoo cache verify {address}" if address else "aezoo push --dry-run"
    sentence = (
        f"`{command}` holds every file to its sha256, and `hf cache verify` does so for the client's own cache."
        if address
        else "`config.json` holds the sha256 of the weights, to which `aezoo.load` holds them."
    )
    return f"## Verify\n\n{sentence}"


def _licence(spec: Spec) -> str:
    return f"## Licence\n\n{spec.license or 'The author names none: ask before you use it.'}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], *, align: str) -> str:
    marks = [":--" if side == "l" else "--:" for side in align]
    lines = [head, marks, *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
