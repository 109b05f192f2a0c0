"""The master key's file, and the wrapping of hash keys with it."""

import base64
import stat
from pathlib import Path

import pytest

from registry.hash_keys import KeyWrap
from registry.master_key import load_master_key, make_master_key
from runtime.errors import ConfigurationError
from runtime.settings import Settings

KEY = bytes(range(32))


def key_file(folder: Path, content: bytes = base64.b64encode(KEY) + b"\n", mode: int = 0o600) -> Path:
    """Return a master key's file."""
    path = folder / "given.key"
    path.write_bytes(content)
    path.chmod(mode)
    return path


def test_embedded_the_key_is_made_once_and_is_the_owners_alone(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home")

    make_master_key(settings)
    first = load_master_key(settings)
    make_master_key(settings)

    assert load_master_key(settings) == first
    assert len(first) == 32
    assert stat.S_IMODE((tmp_path / "home" / "master.key").stat().st_mode) == 0o600


def test_a_file_that_is_named_is_read(tmp_path: Path) -> None:
    assert load_master_key(Settings(profile="production", master_key_file=key_file(tmp_path, mode=0o440))) == KEY


def test_to_look_for_a_key_makes_none(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=rf"{tmp_path}/master.key cannot be read.*registry apply") as caught:
        load_master_key(Settings(home=tmp_path))

    assert "AVENUE_MASTER_KEY_FILE" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_production_without_a_file_says_how_to_make_one() -> None:
    with pytest.raises(ConfigurationError, match=r"AVENUE_MASTER_KEY_FILE is not set.*urandom"):
        load_master_key(Settings(profile="production"))


@pytest.mark.parametrize("mode", [0o604, 0o602, 0o666])
def test_a_file_open_to_every_user_is_refused(tmp_path: Path, mode: int) -> None:
    with pytest.raises(ConfigurationError, match="chmod 600"):
        load_master_key(Settings(master_key_file=key_file(tmp_path, mode=mode)))


@pytest.mark.parametrize(
    "content", [b"", b"hunter2!", base64.b64encode(KEY[:31]), base64.b64encode(KEY + b"x"), KEY], ids=str
)
def test_a_file_of_another_form_is_refused_without_repeating_it(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(ConfigurationError, match="not 32 bytes in base64") as caught:
        load_master_key(Settings(master_key_file=key_file(tmp_path, content)))

    assert "hunter2" not in str(caught.value)


def test_a_file_that_is_named_is_never_made(tmp_path: Path) -> None:
    settings = Settings(master_key_file=tmp_path / "absent.key")
    make_master_key(settings)
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load_master_key(settings)

    assert list(tmp_path.iterdir()) == []


def test_a_wrapped_key_comes_back_and_does_not_show_itself() -> None:
    wrapped = KeyWrap(KEY).wrap(b"k" * 32)

    assert KeyWrap(KEY).unwrap(wrapped) == b"k" * 32
    assert (b"k" * 32).hex().encode() not in wrapped


def test_a_key_of_another_master_key_is_told_apart_from_a_damaged_one() -> None:
    wrapped = KeyWrap(KEY).wrap(b"k" * 32)
    damaged = wrapped.replace(wrapped[12:14], b"00" if wrapped[12:14] != b"00" else b"11", 1)

    with pytest.raises(ConfigurationError, match="use the file that they were wrapped with"):
        KeyWrap(KEY[::-1]).unwrap(wrapped)
    with pytest.raises(ValueError, match="damaged"):
        KeyWrap(KEY).unwrap(damaged)


def test_a_key_is_wrapped_as_rfc_3394_says() -> None:
    """The vector of RFC 3394, section 4.6: 256 bits of key data with a 256-bit key-encryption key."""
    data = bytes.fromhex("00112233445566778899AABBCCDDEEFF000102030405060708090A0B0C0D0E0F")
    expected = "28C9F404C4B810F4CBCCB35CFB87F8263F5786E2D80ED326CBC7F0E71A99F43BFB988B9B7A02DD21"

    assert expected.lower().encode() in KeyWrap(KEY).wrap(data)
