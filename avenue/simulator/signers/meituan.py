"""How Meituan signs: waimai pushes (`sig`) and tech-service pushes (`sign`), which have nothing in common."""

import hashlib
from collections.abc import Mapping

# `img_data` is left out by the rule, as is the signature itself.
_UNSIGNED = frozenset({"sig", "img_data"})


def waimai_signed_text(secret: str, url: str, parameters: Mapping[str, str]) -> str:
    """Return what `sig` covers: the address as in the console, `?`, parameters sorted, the secret.

    *parameters* are fully decoded: on the wire their values are percent-encoded twice. Empty values stay.
    """
    pairs = "&".join(f"{name}={parameters[name]}" for name in sorted(parameters) if name not in _UNSIGNED)
    return f"{url}?{pairs}{secret}"


def waimai_sig(secret: str, url: str, parameters: Mapping[str, str]) -> str:
    """Return `sig`: hex MD5 of the signed text."""
    return hashlib.md5(waimai_signed_text(secret, url, parameters).encode()).hexdigest()  # noqa: S324 - the platform's rule


def service_signed_text(secret: str, parameters: Mapping[str, str]) -> str:
    """Return what a tech-service `sign` covers: signKey, then name and value of every non-empty parameter by name."""
    return secret + "".join(name + value for name, value in sorted(parameters.items()) if value and name != "sign")


def service_sign(secret: str, parameters: Mapping[str, str]) -> str:
    """Return `sign`: hex SHA-1 of the signed text."""
    return hashlib.sha1(service_signed_text(secret, parameters).encode()).hexdigest()  # noqa: S324 - the platform's rule
