"""Where a statement of ClickHouse's SQL ends: the one tokenizer of SQL in this project.

It knows what a semicolon may hide in, as the engine's own lexer does: texts (`'…'`, `‘…’`, `$tag$…$tag$`), names
(`"…"`, `“…”`, backquotes), comments (`-- `, `// `, `# `, `#!`, and `/* … */`, which nest). The engine itself is
what it is tested against.
"""

import re
from collections.abc import Iterator

_TOKEN = re.compile(
    r"""
      (?P<quoted> '(?:[^'\\]|\\.|'')*' | "(?:[^"\\]|\\.|"")*" | `(?:[^`\\]|\\.|``)*` | ‘[^’]*’ | “[^”]*” )
    | (?P<heredoc> \$(?P<tag>[A-Za-z0-9_]*)\$ .*? \$(?P=tag)\$ )
    | (?P<word> [A-Za-z_][A-Za-z0-9_$]* | [0-9][A-Za-z0-9_]* )    # a `$` within a name begins no text
    | (?P<line> (?: -- | // | \#[ !] ) [^\n]* )
    | (?P<block> /\* )
    | (?P<open> ['"`‘“] )                       # never closed: the engine refuses what follows as a whole
    | (?P<end> ; )
    """,
    re.VERBOSE | re.DOTALL,
)
_BLOCK = re.compile(r"/\*|\*/")


def split_statements(text: str) -> Iterator[str]:
    """Yield the statements of *text* without their comments and semicolons; never raises.

    What is never closed, a text or a comment, belongs to the last statement, which the engine then refuses.
    """
    kept: list[str] = []
    at = 0
    while (match := _TOKEN.search(text, at)) is not None:
        kept.append(text[at : match.start()])
        at = match.end()
        if match["end"]:
            yield from _joined(kept)
            kept = []
        elif match["open"]:
            at = match.start()
            break
        elif match["block"]:
            closed_at = _end_of_block(text, at)
            if closed_at is None:
                at = match.start()
                break
            at = closed_at
            kept.append("\n")  # a blank would make a comment of a `#` before it
        elif not match["line"]:
            kept.append(match[0])
    yield from _joined([*kept, text[at:]])


def _joined(pieces: list[str]) -> Iterator[str]:
    if statement := "".join(pieces).strip():
        yield statement


def _end_of_block(text: str, at: int) -> int | None:
    """Return where the comment ends that was opened just before *at*; None where it never does."""
    depth = 1
    for match in _BLOCK.finditer(text, at):
        depth += 1 if match[0] == "/*" else -1
        if not depth:
            return match.end()
    return None
