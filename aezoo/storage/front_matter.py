"""Front matter: what machines read of a model card. The Hub finds models by it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from aezoo.spec.document import Spec
from aezoo.storage.score_files import numbers

Facts = Mapping[str, Any]
#: What `families` may say, but for words of plugins; the plain one first.
FAMILIES = (
    "vanilla",
    "denoising",
    "sparse",
    "contractive",
    "convolutional",
    "variational",
    "conditional",
    "hierarchical",
)
#: Of the block `aezoo` in the front matter.
FORMAT = 1


def front_matter(spec: Spec, metrics: Facts | None) -> str:
    """The YAML above the card: licence, tags, task, facts and scores, in the Hub's keys.

    Args:
        spec: Of the model.
        metrics: What metrics.json holds.
    """
    lines = ["---", "library_name: aezoo"]
    if spec.license:
        lines.append(f"license: {quoted(spec.license.lower())}")  # the Hub's ids are
    lines += ["tags:", *(f"- {tag}" for tag in tags(spec))]
    if (task := _pipeline(spec)) is not None:
        lines.append(f"pipeline_tag: {task}")
    facts = {"format": FORMAT, "input": spec.input.shape, "code": spec.code_shape, "parameters": spec.parameters}
    lines += ["aezoo:", *(f"  {name}: {json.dumps(value)}" for name, value in facts.items())]
    if metrics:
        lines += _model_index(spec, metrics)
    return "\n".join([*lines, "---"])


def _pipeline(spec: Spec) -> str | None:
    """The Hub's word for what the model is for, where it has one that is true."""
    if spec.input.kind != "image":
        return None
    return "image-to-image" if spec.corruption else "image-feature-extraction"


def tags(spec: Spec) -> list[str]:
    """The words by which people find a model: the library's, its families', its latent's and its penalties'."""
    parts = [spec.latent.tag(), *(term.tag() for term in spec.regularizers.values())]
    named = [part.replace(":", "-").replace("_", "-") for part in parts]
    return list(dict.fromkeys(["aezoo", "autoencoder", *families(spec), *named, spec.input.kind]))


def families(spec: Spec) -> list[str]:
    """The families that a model is of, in the field's words; of none of them, it is a plain autoencoder."""
    facts = {
        "denoising": bool(spec.corruption),
        "variational": spec.latent.posterior,
        "conditional": any(layer.reads_fields() for layer in spec.decoder_layers()),
        "hierarchical": bool(spec.levels),
    }
    parts = [spec.latent, *spec.encoder, spec.objective, *spec.regularizers.values(), *spec.constraints.values()]
    found = {part.family for part in parts} - {""} | {name for name, holds in facts.items() if holds}
    known = [name for name in FAMILIES if name in found]
    return [*known, *sorted(found - {*known})] or [FAMILIES[0]]


def _model_index(spec: Spec, metrics: Facts) -> list[str]:
    lines = [
        "model-index:",
        f"- name: {quoted(spec.name)}",
        "  results:",
        "  - task:",
        *(
            ("      type: reconstruction", "      name: Reconstruction")
            if spec.decodes
            else ("      type: feature-extraction", "      name: Feature extraction")
        ),
        "    dataset:",
        f"      type: {quoted(str(metrics.get('dataset')))}",
        f"      name: {quoted(str(metrics.get('dataset')))}",
        f"      split: {quoted(str(metrics.get('split')))}",
        "    metrics:",
    ]
    for name, value in numbers(metrics.get("metrics")).items():
        lines += [f"    - type: {quoted(name)}", f"      value: {value:.6g}"]
    return lines


def quoted(value: str) -> str:
    """A text as YAML and JSON quote it."""
    # A JSON string is a YAML string, whatever it holds.
    return json.dumps(value, ensure_ascii=False)
