"""What a Standard Webhooks secret spells: one reading for the gateway that verifies and the check that names faults."""

import base64
import binascii
import re

PREFIX = "whsec_"
SIGNATURE_MARK = "v1,"
MIN_KEY_BYTES = 24
MAX_KEY_BYTES = 64
"""Both by the standard: fewer bytes can be guessed, more are no key but something else that was pasted."""
_BASE64 = re.compile(r"([A-Za-z0-9+/]+)={0,2}\Z")


def parse_webhook_secret(text: str | bytes) -> bytes:
    """Return the key that *text* spells: base64 with or without `whsec_` before it and `=` behind.

    Blanks around it are left out. Raises `ValueError` where it spells no key of 24 to 64 bytes; what it says never
    holds any of *text*.
    """
    spelt = (text.decode("latin-1") if isinstance(text, bytes) else text).strip()
    if spelt.startswith(SIGNATURE_MARK):
        raise ValueError(f"it begins with {SIGNATURE_MARK} which marks a signature; enter it from {PREFIX} on")
    match = _BASE64.match(spelt.removeprefix(PREFIX))
    if not match:
        raise ValueError(f"it is not {PREFIX} followed by base64 (A-Z, a-z, 0-9, + and /)")
    # The senders' libraries add the padding that is lacking, so a secret that was copied without it signs.
    try:
        key = base64.b64decode(match[1] + "=" * (-len(match[1]) % 4), validate=True)
    except binascii.Error:
        raise ValueError(f"what follows {PREFIX} is cut: no base64 has that many letters") from None
    if not MIN_KEY_BYTES <= len(key) <= MAX_KEY_BYTES:
        raise ValueError(f"it spells {len(key)} bytes; a key has {MIN_KEY_BYTES} to {MAX_KEY_BYTES}")
    return key
