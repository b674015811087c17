"""The JSON Schema of all that is installed."""
