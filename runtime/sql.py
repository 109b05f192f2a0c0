"""SQL in files: one statement each, put together with Jinja; what is asked about goes as server-side parameters.

A file may include others and import their macros. Its comments are for whoever reads it, and are not sent.
"""

from pathlib import Path

from jinja2 import Environment, FunctionLoader, StrictUndefined

from runtime.sql_statements import split_statements


class SqlTemplates:
    """The `.sql` files of *folders*; where two have a file of one name, the first folder's stands."""

    def __init__(self, *folders: Path) -> None:
        self._folders = folders
        # Nothing to escape: parts come from the code's closed sets, never from a reader's or a partner's text.
        self._environment = Environment(  # noqa: S701 - SQL, no HTML
            loader=FunctionLoader(self._source), undefined=StrictUndefined, lstrip_blocks=True
        )

    def render(self, name: str, /, **parts: object) -> str:
        """Return the statement of the file *name* with *parts* for its variables.

        Raises `jinja2.UndefinedError` where it needs a part that is not given.
        """
        return self._environment.get_template(f"{name}.sql").render(parts)

    def _source(self, name: str) -> str | None:
        path = next((path for folder in self._folders if (path := folder / name).exists()), None)
        if path is None:
            return None
        (statement,) = split_statements(path.read_text(encoding="utf-8"))
        return statement
