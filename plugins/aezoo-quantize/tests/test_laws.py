"""The laws that every part obeys."""

from aezoo.testing import law_tests

test_laws = law_tests("quantize")
