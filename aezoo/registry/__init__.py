"""How a part is found: entry points, loading, status, validation, the Registry."""
