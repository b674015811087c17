"""What one part builds, and how a plugin's outputs are checked against what it declares."""
