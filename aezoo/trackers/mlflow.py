"""MLflow: a run where MLFLOW_TRACKING_URI says, by default a database in the folder of the run."""

from __future__ import annotations

import os
from collections.abc import Mapping

from aezoo.trackers.tracker import TrackedRun


class MLflow:
    """A run of MLflow; one that goes on is the same run.

    Args:
        run: Of which the records are. The experiment is that of MLFLOW_EXPERIMENT_NAME, or `aezoo`.
    """

    def __init__(self, run: TrackedRun) -> None:
        from mlflow.tracking import MlflowClient

        uri = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{run.folder.resolve() / 'mlflow.db'}"
        self._client = MlflowClient(uri)
        self.known = run.known or self._begun(run)

    def _begun(self, run: TrackedRun) -> str:
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME", "aezoo")
        experiment = self._client.get_experiment_by_name(name)
        of = experiment.experiment_id if experiment else self._client.create_experiment(name)
        # A tag, not an artifact: where artifacts go is a second thing that may not be there.
        begun = self._client.create_run(of, run_name=run.name, tags={"spec": run.spec})
        return str(begun.info.run_id)

    def log(self, step: int, figures: Mapping[str, float]) -> None:
        for name, value in figures.items():
            self._client.log_metric(self.known, name, value, step=step)

    def flush(self) -> None:
        """Each call is a transaction of its own."""

    def close(self) -> None:
        self._client.set_terminated(self.known)
