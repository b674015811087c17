"""Names and texts from outside, as they are printed and stored: on one line, and in UTF-8."""

from __future__ import annotations


def utf8(name: str) -> str:
    """The name with bytes that are no UTF-8 spelt out: `caf\\xe9.png`. Python holds them as lone surrogates."""
    return name if name.isascii() else "".join(_byte(char) if _is_surrogate(char) else char for char in name)


def visible(text: str) -> str:
    """The text on one line, with control characters spelt out: a name must not write to the terminal."""
    return "".join(char if char.isprintable() else _spelt_out(char) for char in text)


def inert(value: object, most: int = 100) -> str:
    """The beginning of a text from outside as one short line that moves no cursor; empty for None."""
    return "".join(c for c in str("" if value is None else value)[:most] if c.isprintable())


def _spelt_out(char: str) -> str:
    return _byte(char) if _is_surrogate(char) else char.encode("unicode_escape").decode()


def _is_surrogate(char: str) -> bool:
    return "\ud800" <= char <= "\udfff"


def _byte(char: str) -> str:
    """A lone surrogate as the byte that it stands for, where it stands for one."""
    code = ord(char)
    return f"\\x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else f"\\u{code:04x}"
