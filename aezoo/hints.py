"""Hints: what somebody may have meant by a word that is not known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache


def did_you_mean(word: str, known: Iterable[str], otherwise: str = "") -> str:
    """`did you mean 'channels'?`, for the known word nearest to this one; `otherwise` if none is near."""
    close = _nearest(word[:100], tuple(known))
    return f"did you mean {close!r}?" if close else otherwise


def assigned(path: str, value: object) -> str:
    """What a user types to set a value: `--set data.key=images`, quoted for the shell where it must be."""
    from shlex import quote

    return f"--set {quote(assignment(path, value))}"


def assignment(path: str, value: object) -> str:
    """The same without a shell: `data.key=images`."""
    return f"{path}={value if isinstance(value, str) and _is_plain(value) else _toml(value)}"


def _toml(value: object) -> str:
    """A value in one line of TOML; keys are quoted, since they may be any text."""
    from json import dumps

    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{dumps(key, ensure_ascii=False)} = {_toml(item)}' for key, item in value.items())}}}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_toml, value))}]"
    return dumps(value, ensure_ascii=False)


def _is_plain(value: str) -> bool:
    """Whether `--set` takes a text as it is, without quotes: it is no value of TOML."""
    import tomllib

    if value != value.strip() or len(value) > 1000:
        return False
    try:
        tomllib.loads(f"value = {value}")
    except tomllib.TOMLDecodeError:
        return True
    except RecursionError:
        pass
    return False


#: How much of two words must be alike for one to be meant by the other: below it are `compare` and `score`,
#: `resume` and `set`; above it letters left out, doubled or exchanged in words of four letters and more.
_ALIKE = 0.7


@lru_cache(maxsize=64)  # a thousand layers may be misspelt in one way
def _nearest(word: str, known: tuple[str, ...]) -> str:
    from difflib import SequenceMatcher  # here: only a fault needs it

    plain = _plain(word)
    matcher = SequenceMatcher(b=plain, autojunk=False)
    best, most = "", 0.0
    for name in known:
        other = _plain(name)
        matcher.set_seq1(other)
        alike = matcher.ratio() if matcher.real_quick_ratio() >= most else 0.0
        if alike > most and (alike >= _ALIKE or _short_for(plain, other) or _exchanged(plain, other)):
            best, most = name, alike
    return best


def _plain(word: str) -> str:
    """A name without what people confuse: capitals, `-` and `_`, the dashes of an option."""
    return word.lower().replace("_", "-").strip("-")


def _short_for(word: str, name: str) -> bool:
    """Whether it is the beginning of a name: `recon` of `reconstruct`, `k` of `kl`."""
    return bool(word) and name.startswith(word) and (len(word) >= 3 or len(name) - len(word) == 1)


def _exchanged(word: str, name: str) -> bool:
    """Whether two neighbouring letters changed places: `mes` for `mse`."""
    differing = [at for at, pair in enumerate(zip(word, name, strict=False)) if pair[0] != pair[1]]
    if len(word) != len(name) or len(differing) != 2 or differing[1] - differing[0] != 1:
        return False
    first, second = differing
    return word[first] == name[second] and word[second] == name[first]
