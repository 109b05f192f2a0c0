"""The statements of frozen reports, beside this file."""

from pathlib import Path

from runtime.sql import SqlTemplates

STATEMENTS = SqlTemplates(Path(__file__).parent)
