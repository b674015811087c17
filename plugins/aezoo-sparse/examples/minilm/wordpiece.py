"""WordPiece: text into the pieces of BERT's uncased vocabulary (Devlin et al. 2018, arXiv:1810.04805, section 3)."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

#: Letters of a word beyond which BERT gives up.
LONGEST = 100


class WordPiece:
    """A vocabulary, and how words are cut into it: the longest piece that fits, again and again.

    Args:
        path: `vocab.txt`, one piece a line; pieces within a word begin with `##`.
    """

    def __init__(self, path: Path) -> None:
        self.pieces = path.read_text(encoding="utf-8").splitlines()
        self.number = {piece: i for i, piece in enumerate(self.pieces)}
        self.cut = lru_cache(maxsize=1 << 16)(self._cut)

    def tokens(self, text: str) -> list[int]:
        """The numbers of a text's pieces."""
        return [piece for word in words(text) for piece in self.cut(word)]

    def _cut(self, word: str) -> tuple[int, ...]:
        numbers: list[int] = []
        start = 0
        while start < len(word):
            prefix = "##" if start else ""
            ends = range(len(word), start, -1)
            end = next((end for end in ends if prefix + word[start:end] in self.number), None)
            if end is None or len(word) > LONGEST:
                return (self.number["[UNK]"],)
            numbers.append(self.number[prefix + word[start:end]])
            start = end
        return tuple(numbers)


def words(text: str) -> Iterator[str]:
    """Words and signs in lower case, without accents: each punctuation mark, ASCII sign and ideograph stands alone."""
    plain = (c for c in unicodedata.normalize("NFD", text.lower()) if unicodedata.category(c) != "Mn")
    yield from "".join(f" {c} " if _alone(c) else c for c in plain).split()


def _alone(c: str) -> bool:
    sign = c.isascii() and c.isprintable() and not c.isalnum() and c != " "
    return sign or unicodedata.category(c).startswith("P") or "\u4e00" <= c <= "\u9fff"
