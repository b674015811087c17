"""Fitting: from samples alone to a spec that suits them, a model, and a true figure beside the linear baseline.

source -> facts -> proposal (a commented spec) -> candidates (trained) -> judgement (held out) -> report
"""
