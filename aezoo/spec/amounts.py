"""Amounts in words: how messages and tables write large numbers and bytes."""

from __future__ import annotations


def count(number: int) -> str:
    """`4,096`; a number that nobody would count, by its power of ten."""
    # Never str() of the number itself: Python refuses to write thousands of digits.
    return f"{number:,}" if number < 10**15 else f"some 10^{int(number.bit_length() * 0.30103)}"


def size(number: int) -> str:
    """Bytes as people say them: `2 GiB`."""
    if number >> 50:
        return f"{count(number >> 40)} TiB"
    for unit, name in ((1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if number >= unit:
            return f"{round(number / unit, 1):,g} {name}"
    return f"{number} bytes"
