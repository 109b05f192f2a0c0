"""Where a command finds the cluster: its settings, or the stack that runs on the home folder."""

from pathlib import Path

from avenue.run_file import read_run_file
from runtime.errors import UnavailableError
from runtime.logging import configure_logging
from runtime.settings import LogSettings, Settings, load_settings


def command_settings(home: Path | None = None) -> Settings:
    """Return the settings of a command that a person waits for; its log goes to standard error, from warnings on.

    Raises `ConfigurationError`.
    """
    settings = load_settings(home=home)
    configure_logging(LogSettings(level="WARNING", format="text"), role="command")
    return settings


def cluster_settings(home: Path | None = None) -> Settings:
    """Return settings with the bootstrap address of the cluster: the one set, or that of the running stack.

    Raises `UnavailableError` where neither is there, `ConfigurationError`.
    """
    settings = command_settings(home)
    if settings.kafka.bootstrap is not None:
        return settings
    run = read_run_file(settings.home)
    if run is None:
        raise UnavailableError(
            f"nothing runs on {settings.home.absolute()}: start it with `avenue up`, name its folder with --home or "
            "AVENUE_HOME, or point AVENUE_KAFKA__BOOTSTRAP at your cluster"
        )
    kafka = settings.kafka.model_copy(update={"bootstrap": run.kafka_bootstrap})
    return settings.model_copy(update={"kafka": kafka})
