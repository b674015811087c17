"""How parts are registered and looked up: entry points, loading, status, validation, the Registry."""
