"""Pushing and pulling, against a Hub on the loopback; tests.hub_server.fixtures says how to use it."""

from tests.hub_server.fixtures import homes, hub, hub_of, quiet, token

__all__ = ["homes", "hub", "hub_of", "quiet", "token"]
