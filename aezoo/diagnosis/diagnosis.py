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
from aezoo.diagnosis.rule import Rule, findings
from aezoo.spec.document import Spec

#: Every rule by its code, in order.
_ALL: tuple[Rule[Any], ...] = (*DATA_RULES, *OUTPUT_RULES, *CODE_RULES)
RULES: Mapping[str, Rule[Any]] = {rule.code: rule for rule in _ALL}


def diagnose_data(spec: Spec, figures: DataFigures) -> list[Finding]:
    """What is wrong with the data of a run, in view of its spec."""
    return findings(DATA_RULES, spec, figures)


def diagnose_model(spec: Spec, figures: ModelFigures) -> list[Finding]:
    """What is wrong with a trained model."""
    return findings((*OUTPUT_RULES, *CODE_RULES), spec, figures)
