"""What one part builds, and how a plugin's is held to what it declares."""
