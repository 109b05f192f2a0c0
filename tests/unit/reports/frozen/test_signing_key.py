"""The key that signs reports: made once, private, kept when a new one is made."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from reports.frozen.signing_key import PRIVATE_FILE, new_signing_key, public_keys, signing_key
from reports.verification.seal import read_public_keys
from runtime.errors import ConfigurationError
from runtime.settings import ReportSettings, Settings


def test_it_is_made_once_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")
    assert public_keys(settings) == b""

    first = signing_key(settings)

    assert signing_key(settings).key_id == first.key_id
    assert (settings.home / PRIVATE_FILE).stat().st_mode & 0o777 == 0o600
    assert list(read_public_keys(public_keys(settings))) == [first.key_id]


def test_a_new_one_leaves_the_public_half_of_the_one_before(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    first = signing_key(settings)

    second = new_signing_key(settings)

    assert second.key_id != first.key_id
    assert list(read_public_keys(public_keys(settings))) == [second.key_id, first.key_id]


def test_production_names_its_own(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, profile="production")

    with pytest.raises(ConfigurationError, match="AVENUE_REPORT__SIGNING_KEY_FILE"):
        signing_key(settings)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "mode", "message"),
    [(b"x", 0o600, "no private key"), (b"x", 0o644, "open to every user"), (None, 0, "cannot be read")],
)
def test_a_file_that_will_not_do_is_refused(tmp_path: Path, content: bytes | None, mode: int, message: str) -> None:
    path = tmp_path / "key.pem"
    if content is not None:
        path.write_bytes(content)
        path.chmod(mode)

    with pytest.raises(ConfigurationError, match=message):
        signing_key(Settings(home=tmp_path, report=ReportSettings(signing_key_file=path)))


def test_a_key_of_another_sort_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    pem = generate_private_key(65537, 2048).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(pem)
    path.chmod(0o600)

    with pytest.raises(ConfigurationError, match="not of Ed25519"):
        signing_key(Settings(home=tmp_path, report=ReportSettings(signing_key_file=path)))
