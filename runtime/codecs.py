"""Which compressions of records this installation can read: a broker or a topic may choose any of Kafka's."""

import importlib
from typing import Literal

from runtime.errors import ConfigurationError

CODECS = ("gzip", "snappy", "lz4", "zstd")
Reader = Literal["kafka", "aiokafka"]
"""The package that reads: kafka-python's everywhere, and Faust's in the worker."""
_BROUGHT_BY = {
    "kafka": {"snappy": "python-snappy", "lz4": "lz4", "zstd": "zstandard"},
    "aiokafka": dict.fromkeys(CODECS, "cramjam"),
}


def refuse_missing_codecs(reader: Reader = "kafka") -> None:
    """Raise `ConfigurationError` naming the codecs that *reader* cannot read.

    Without it such records would stay unread for ever, by a role that looks well until the first one comes.
    """
    found = importlib.import_module(f"{reader}.codec")
    missing = [codec for codec in CODECS if not getattr(found, f"has_{codec}")()]
    if missing:
        packages = sorted({_BROUGHT_BY[reader].get(codec, codec) for codec in missing})
        raise ConfigurationError(
            f"records compressed with {', '.join(missing)} cannot be read here: the package "
            f"{' and '.join(packages)} is missing; install the requirements again"
        )
