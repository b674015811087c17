"""What a run computes on: its device, and the processes that share its work."""
