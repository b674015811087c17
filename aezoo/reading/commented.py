"""Commented: tables of a TOML document that keep their comments, their order and their layout while they are edited."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import tomlkit
from tomlkit.container import Container
from tomlkit.items import AbstractTable, Comment, InlineTable, Item, Key, Null, SingleKey, Table, Whitespace


def document(text: str) -> dict[str, Any]:
    """A TOML text as a table whose `as_string()` is the text again."""
    parsed = tomlkit.parse(text)
    _gather(parsed)
    return parsed


def rename(table: dict[str, Any], old: str, new: str) -> None:
    """Call a key something else. tomlkit would take it out and put it at the end; here the key alone changes."""
    container = table.value if isinstance(table, AbstractTable) else table
    assert isinstance(container, Container)
    for index, (key, item) in enumerate(container.body):
        if key is not None and key.key == old:
            named = SingleKey(new, sep="." if key.is_dotted() else " = ")
            named._dotted = key.is_dotted()
            container.body[index] = (named, moved(item))
    container._map[SingleKey(new)] = container._map.pop(SingleKey(old))
    for view in {id(view): view for view in (container, table)}.values():
        dict.__setitem__(view, new, dict.pop(view, old))


def moved(item: Any) -> Any:
    """The item, ready to stand elsewhere: the headers of a table do not say its old name."""
    if hasattr(item, "invalidate_display_name"):
        item.invalidate_display_name()
    return item


def inline(value: dict[str, Any]) -> Item:
    """A table of one line; the comments of the values that were moved into it stand behind it."""
    table = tomlkit.value(_text(value))
    comments = list(_comments(value))
    if comments:
        table.trivia.comment_ws = "  "
        table.trivia.comment = "  ".join(comments)
    return table


def _text(value: Any) -> str:
    """A value as TOML writes it on one line."""
    if isinstance(value, dict):
        pairs = ", ".join(f"{tomlkit.key(name).as_string()} = {_text(inner)}" for name, inner in value.items())
        return f"{{ {pairs} }}" if pairs else "{}"
    return str(tomlkit.item(value).as_string())


def _comments(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for item in value.values():
            yield from _comments(item)
    elif isinstance(value, Item) and value.trivia.comment:
        yield value.trivia.comment


def tidy(table: dict[str, Any]) -> None:
    """Where a key was taken out of a table of one line, one comma is left, or one space before the brace."""
    body = table.value.body if isinstance(table, InlineTable) else []
    start = 0
    for end in range(len(body) + 1):
        if end < len(body) and body[end][0] is None:
            continue
        if any(isinstance(item, Null) for _, item in body[start:end]):
            between = " " if start == 0 or end == len(body) else ", "
            body[start:end] = [(None, Whitespace(between)), *[(None, Whitespace(""))] * (end - start - 1)]
        start = end + 1


def _gather(container: Container) -> None:
    """Bring together what is said of one table in several places: tomlkit edits such a table wrongly.

    `train.epochs = 1` and, below, `train.lr = 0.1` then stand one under the other, with the comments above them.
    """
    for key, found in list(container._map.items()):
        if isinstance(found, tuple):
            first = container.body[found[0]][1]
            assert isinstance(first, Table)
            for index in found[1:]:
                for inner, item in _lifted(container, index):
                    first.raw_append(inner, item)
            container._map[key] = found[0]
            dict.__setitem__(container, key.key, first)
    for _, item in container.body:
        if isinstance(item, AbstractTable):
            _gather(item.value)


def _lifted(container: Container, index: int) -> list[tuple[Key | None, Item]]:
    """What the table at `index` of a body holds, after the comments above it; nothing is left there."""
    start = index
    while start > 0 and isinstance(container.body[start - 1][1], Comment):
        start -= 1
    table = container.body[index][1]
    assert isinstance(table, Table)
    lifted = [*container.body[start:index], *table.value.body]
    container.body[start : index + 1] = [(None, Null())] * (index + 1 - start)
    return lifted
