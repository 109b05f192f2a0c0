"""Where in a TOML file each value stands: the line of every key, table and array item."""

from collections.abc import Iterator

import tree_sitter
import tree_sitter_toml

Path = tuple[str | int, ...]
"""From the top: keys, and positions in arrays."""

_LANGUAGE = tree_sitter.Language(tree_sitter_toml.language())


class LineMap:
    """The lines of a *text* that is valid TOML."""

    def __init__(self, text: str) -> None:
        self._lines: dict[Path, int] = {}
        self._counts: dict[Path, int] = {}
        root = tree_sitter.Parser(_LANGUAGE).parse(text.encode()).root_node
        for node in root.children:
            self._take_top(node)

    def line(self, path: Path) -> int:
        """Return the line of *path*, or of the nearest thing around it that has one; 1 for the whole file."""
        for length in range(len(path), 0, -1):
            if (found := self._lines.get(path[:length])) is not None:
                return found
        return 1

    def _take_top(self, node: tree_sitter.Node) -> None:
        if node.type == "pair":
            self._take_pair((), node)
        elif node.type == "table":
            self._take_table(self._resolve(_keys_of(node.named_children[0])), node)
        elif node.type == "table_array_element":
            path = self._resolve(_keys_of(node.named_children[0]))
            position = self._counts.get(path, 0)
            self._counts[path] = position + 1
            self._lines.setdefault(path, _line(node))
            self._take_table((*path, position), node)

    def _take_table(self, path: Path, node: tree_sitter.Node) -> None:
        self._lines.setdefault(path, _line(node))
        for child in node.named_children[1:]:
            if child.type == "pair":
                self._take_pair(path, child)

    def _take_pair(self, path: Path, node: tree_sitter.Node) -> None:
        key, value = (child for child in node.named_children if child.type != "comment")
        for part in _keys_of(key):
            path = (*path, part)
            self._lines.setdefault(path, _line(node))
        self._take_value(path, value)

    def _take_value(self, path: Path, node: tree_sitter.Node) -> None:
        children = [child for child in node.named_children if child.type != "comment"]
        if node.type == "inline_table":
            for child in children:
                self._take_pair(path, child)
        elif node.type == "array":
            for position, child in enumerate(children):
                self._lines[*path, position] = _line(child)
                self._take_value((*path, position), child)

    def _resolve(self, keys: tuple[str, ...]) -> Path:
        """Return the path that a header's *keys* mean: where one names an array of tables, its last element."""
        path: Path = ()
        for key in keys[:-1]:
            path = (*path, key)
            if path in self._counts:
                path = (*path, self._counts[path] - 1)
        return (*path, keys[-1])


def _keys_of(node: tree_sitter.Node) -> tuple[str, ...]:
    return tuple(_parts_of(node))


def _parts_of(node: tree_sitter.Node) -> Iterator[str]:
    if node.type == "dotted_key":
        for child in node.named_children:
            yield from _parts_of(child)
    else:
        text = (node.text or b"").decode()
        yield text[1:-1] if node.type == "quoted_key" else text


def _line(node: tree_sitter.Node) -> int:
    return int(node.start_point.row) + 1
