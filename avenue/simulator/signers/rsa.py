"""RSA PKCS#1 v1.5 over SHA-256, in base64: the one form in which these platforms use RSA."""

import base64

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from runtime.errors import ConfigurationError


def rsa_signature(private_key_pem: bytes, text: bytes) -> str:
    """Return the signature of *text* by the unencrypted RSA key *private_key_pem*.

    Raises `ConfigurationError` where the PEM holds no such key.
    """
    try:
        key = serialization.load_pem_private_key(private_key_pem, password=None)
    except (ValueError, TypeError) as error:
        raise ConfigurationError("a private key for signing must be an unencrypted PEM") from error
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ConfigurationError("a private key for signing must be an RSA key")
    return base64.b64encode(key.sign(text, padding.PKCS1v15(), hashes.SHA256())).decode()
