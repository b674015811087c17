"""Diagnosis: all rules, and what they find in the data of a run and in a trained model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aezoo.diagnosis.code_rules import CODE_RULES
from aezoo.diagnosis.data_figures import DataFigures
from aezoo.diagnosis.data_rules import DATA_RULES
from aezoo.diagnosis.finding import Finding
from aezoo.diagnosis.model_figures import ModelFigures
from aezoo.diagnosis.output_rules import OUTPUT_RULES
from aezoo.diagnosis.rule import Rule, Sign, findings
from aezoo.diagnosis.seeds import SEEDS
from aezoo.spec.document import Spec

#: Every rule by its code, in order.
_ALL: tuple[Rule[Any], ...] = (*DATA_RULES, *OUTPUT_RULES, *CODE_RULES)
RULES: Mapping[str, Rule[Any]] = {rule.code: rule for rule in _ALL}
#: What every code of a finding means.
SIGNS: Mapping[str, Sign] = {
    **{rule.code: Sign(rule.code, rule.title, rule.sees) for rule in _ALL},
    SEEDS.code: SEEDS,
}


def diagnose_data(spec: Spec, figures: DataFigures) -> list[Finding]:
    """What is wrong with the data of a run, in view of its spec."""
    return findings(DATA_RULES, spec, figures)


def diagnose_model(spec: Spec, figures: ModelFigures) -> list[Finding]:
    """What is wrong with a trained model."""
    return findings((*OUTPUT_RULES, *CODE_RULES), spec, figures)
