"""Every law that a part obeys, tested on every part of this plugin."""

from aezoo.testing import law_tests

test_laws = law_tests("masked")
