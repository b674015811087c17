"""Trackers: listeners that hand the records of a run to TensorBoard, Weights & Biases, MLflow or trackio."""
