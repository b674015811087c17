"""Text to Spec: TOML and JSON with positions, bases and variants merged, values checked, faults and lints."""
