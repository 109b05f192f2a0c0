"""Rules of counting that are told in SQL: once, for whoever settles and whoever reads."""

from pathlib import Path

FOLDER = Path(__file__).parent
