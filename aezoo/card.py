"""The model card: README.md of a model's folder, as people and the Hub read it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from aezoo.spec.component import Component
from aezoo.spec.document import Spec
from aezoo.spec.kinds import LayerSpec
from aezoo.spec.shape import Shape, text

if TYPE_CHECKING:
    from aezoo.evaluation.scores import Scores

Row = tuple[str, str, str, str]
#: What each picture shows.
CAPTIONS = {
    "reconstructions": "Originals of the {split} split above their reconstructions",
    "samples": "Samples: codes drawn from the prior, decoded",
    "interpolations": "Interpolations: straight lines between two codes, decoded",
}


def card(
    spec: Spec,
    scores: Scores | None = None,
    record: Mapping[str, Any] | None = None,
    *,
    pictures: Sequence[str] = (),
) -> str:
    """The text of the card.

    Args:
        spec: Of the model.
        scores: What `evaluate` gave.
        record: What only the run knows: seed, device, versions, time.
        pictures: Names of those in `samples/`.
    """
    parts = [
        _front_matter(spec, scores),
        f"# {spec.name}",
        _introduction(spec),
        _use(spec),
        _pictures(pictures, scores),
        _architecture(spec),
        _data(spec, record or {}),
        _metrics(scores),
        _training(spec, record or {}),
        _limits(spec),
        _licence(spec),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


# --- what machines read ----------------------------------------------------------------------------------


def _front_matter(spec: Spec, scores: Scores | None) -> str:
    lines = ["---", "library_name: aezoo"]
    if spec.license:
        lines.append(f"license: {_quoted(spec.license)}")
    lines += ["tags:", *(f"- {tag}" for tag in _tags(spec))]
    if scores:
        lines += _model_index(spec, scores)
    return "\n".join([*lines, "---"])


def _tags(spec: Spec) -> Iterator[str]:
    yield from ("aezoo", "autoencoder")
    if {"mean", "logvar"} <= spec.latent.provides:
        yield "variational-autoencoder"
    if spec.corruption:
        yield "denoising"
    if any(layer.tag().startswith("conv") for layer in spec.encoder):
        yield "convolutional"
    if spec.input.kind == "image":
        yield "image"


def _model_index(spec: Spec, scores: Scores) -> list[str]:
    lines = [
        "model-index:",
        f"- name: {_quoted(spec.name)}",
        "  results:",
        "  - task:",
        "      type: reconstruction",
        "      name: Reconstruction",
        "    dataset:",
        f"      type: {_quoted(scores.dataset)}",
        f"      name: {_quoted(scores.dataset)}",
        f"      split: {_quoted(scores.split)}",
        "    metrics:",
    ]
    for name, value in scores.finite().items():
        lines += [f"    - type: {_quoted(name)}", f"      value: {value:.6g}"]
    return lines


def _quoted(value: str) -> str:
    # A JSON string is a YAML string, whatever it holds.
    return json.dumps(value, ensure_ascii=False)


# --- what people read ------------------------------------------------------------------------------------


def _introduction(spec: Spec) -> str:
    told = [spec.description.rstrip(".") + "." if spec.description else ""]
    told.append(
        f"An autoencoder of {_article(spec.input.kind)} [{text(spec.input.shape)}] with a code of"
        f" {text(spec.code_shape)} values, {spec.parameters:,} parameters."
    )
    if spec.paper:
        told.append(f"Paper: {spec.paper}.")
    return " ".join(part for part in told if part)


def _article(kind: str) -> str:
    return {"image": "images", "vector": "vectors", "signal": "signals", "volume": "volumes"}.get(kind, kind)


def _use(spec: Spec) -> str:
    needs = f" {' '.join(map(_quoted, spec.requires))}" if spec.requires else ""
    code, data = text(spec.code_shape), text(spec.input.shape)
    return f"""## Use

`pip install aezoo{needs}`, then, from the folder of this file:

```python
import aezoo
model = aezoo.load(".")
codes = model.encode(data)  # an array, a tensor or a file of samples [N, {data}] -> [N, {code}]
```

`model.decode(codes)`, `model.reconstruct(data)`{_sampling(spec)} and `model.score(data)` (how strange each sample is)
work alike. Nothing in this folder is code: weights are safetensors, everything else is JSON, Markdown and PNG."""


def _sampling(spec: Spec) -> str:
    return ", `model.sample(n)`" if spec.latent.prior is not None else ""


def _pictures(names: Sequence[str], scores: Scores | None) -> str:
    split = scores.split if scores else "test"
    shown = [f"![{CAPTIONS.get(name, name).format(split=split)}](samples/{name}.png)" for name in names]
    captions = [f"*{CAPTIONS.get(name, name).format(split=split)}.*" for name in names]
    return "\n\n".join(f"{picture}\n{caption}" for picture, caption in zip(shown, captions, strict=True))


def _architecture(spec: Spec) -> str:
    rows: list[Row] = [("input", spec.input.kind, text(spec.input.shape), "")]
    rows += _layers("encoder", spec.encoder, spec.encoder_shapes)
    latent = spec.latent
    rows.append(("latent", _summary(latent), text(spec.code_shape), f"{latent.parameters(spec.feature_shape):,}"))
    rows += _layers("decoder", spec.decoder_layers(), spec.decoder_shapes)
    rows.append(("likelihood", _summary(spec.likelihood), text(spec.input.shape), ""))
    table = _table(("stage", "part", "output", "parameters"), rows, align="llrr")
    terms = [f"`{name}` ({_summary(term)})" for name, term in spec.regularizers.items()]
    spoilt = [_summary(part) for part in spec.corruption]
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


def _summary(part: Component) -> str:
    """The type and the settings that are not defaults."""
    told = part.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
    settings = (f"{key} {_value(value)}" for key, value in told.items() if key != "type")
    return " ".join([part.tag(), *settings])


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        value = {key: item for key, item in value.items() if key != "type"} or value.get("type", "")
        if isinstance(value, Mapping) and set(value) == {"value"}:
            value = value["value"]
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _data(spec: Spec, record: Mapping[str, Any]) -> str:
    splits: Mapping[str, int] = record.get("splits", {})
    source = record.get("data") or (spec.data.tag() if spec.data else "")
    if not source:
        return ""
    known = spec.data is not None and source == spec.data.tag()
    what = f" {_first_line(type(spec.data))}" if known else ""
    sizes = ", ".join(f"{n:,} {name}" for name, n in splits.items() if n)
    lines = [f"`{source}`.{what}", f"Samples: {sizes}." if sizes else ""]
    if spec.input.range:
        low, high = spec.input.range
        lines.append(f"Values lie in [{low:g}, {high:g}].")
    return "## Data\n\n" + " ".join(line for line in lines if line)


def _first_line(part: type[Any]) -> str:
    return (part.__doc__ or "").strip().partition("\n")[0]


def _metrics(scores: Scores | None) -> str:
    if scores is None:
        return ""
    names = list(scores.metrics)
    names += sorted({name for row in scores.baseline.values() for name in row} - set(names))
    columns = ["this model", *scores.baseline]
    values = [scores.metrics, *scores.baseline.values()]
    rows = [(name, *(_number(column.get(name)) for column in values)) for name in names]
    table = _table(("metric", *columns), rows, align="l" + "r" * len(columns))
    where = f"`{scores.dataset}`, {scores.split} split, {scores.n:,} samples, seed {scores.seed}"
    legend = (
        "`squared_error` is summed over a sample and averaged over samples, in data units;"
        " `nll`, `rate` and `elbo` are in nats, `psnr` in decibels."
    )
    return f"## Metrics\n\nOn {where}.\n\n{table}\n\n{legend}"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.1f}"


def _training(spec: Spec, record: Mapping[str, Any]) -> str:
    if not record:
        return ""
    where = f"on {record.get('device')} in {record.get('seconds')} s"
    versions = ", ".join(f"{name} {record[name]}" for name in ("aezoo", "torch", "python") if name in record)
    return (
        f"## Training\n\n{record.get('steps'):,} steps {where}, seed {record.get('seed')}; {record.get('ended')}."
        f" Versions: {versions}. The whole history is in `training.json`; to train it again, save the `spec` of"
        f" `config.json` as a file and run `aezoo train` on it (fingerprint of the run `{spec.run[:16]}`)."
    )


def _limits(spec: Spec) -> str:
    told = [
        f"It takes samples of exactly {text(spec.input.shape)} and knows only what the data above show: of anything"
        " else, reconstructions and scores say little.",
    ]
    if spec.latent.prior is None:
        told.append("It has no prior, so it cannot draw new samples.")
    if not spec.likelihood.density:
        told.append("Its likelihood is no density: its losses are squared errors, not nats.")
    told.append("A score ranks samples by how badly the model explains them; choose a threshold on data of your own.")
    return "## Limits\n\n" + " ".join(told)


def _licence(spec: Spec) -> str:
    return f"## Licence\n\n{spec.license or 'The author names none: ask before you use it.'}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], *, align: str) -> str:
    marks = [":--" if side == "l" else "--:" for side in align]
    lines = [head, marks, *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
