"""A real broker that asks who comes: SASL with and without TLS, users with and without rights, an authority of its own."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from kafka.admin import ScramMechanism, UserScramCredentialUpsertion

from avenue.embedded.broker import HOST, Broker, _escape
from avenue.embedded.ports import free_port
from runtime.kafka import make_admin
from runtime.settings import KafkaSettings

USER, PASSWORD = "avenue", "right-password"
STRANGER = "stranger"
"""Signs in with `PASSWORD`, and may do nothing."""
SCRAM = "SCRAM-SHA-256"


@dataclass(frozen=True)
class Authority:
    """Files of an authority and of a broker's certificate that it signed."""

    cafile: Path
    keystore: Path


class SecuredBroker(Broker):
    """A broker with three listeners: the plain one, by which tests prepare it, SASL, and SASL over TLS."""

    def __init__(self, folder: Path, authority: Authority, *, heap_mb: int) -> None:
        super().__init__(folder, heap_mb=heap_mb)
        self.authority = authority
        self.sasl_port, self.tls_port = free_port(HOST), free_port(HOST)

    def add_scram_user(self) -> None:
        """Let `USER` sign in by SCRAM as well."""
        admin = make_admin(self.settings(), client_id="tests")
        admin.alter_user_scram_credentials(
            [UserScramCredentialUpsertion(USER, ScramMechanism.SCRAM_SHA_256, PASSWORD, iterations=4096)]
        )
        admin.close()

    def signed_in(self, *, tls: bool = False, **changes: object) -> KafkaSettings:
        """Return settings by which `USER` signs in."""
        found = {
            "bootstrap": f"{HOST}:{self.tls_port if tls else self.sasl_port}",
            "security_protocol": "SASL_SSL" if tls else "SASL_PLAINTEXT",
            "sasl_mechanism": "PLAIN",
            "sasl_username": USER,
            "sasl_password": PASSWORD,
            "ssl_cafile": self.authority.cafile if tls else None,
        }
        return KafkaSettings.model_validate(found | changes)

    def _configure(self) -> None:
        super()._configure()
        lines = dict(line.split("=", 1) for line in self._properties.read_text().splitlines())
        more = f",SASL://{HOST}:{self.sasl_port},TLS://{HOST}:{self.tls_port}"
        lines["listeners"] += more
        lines["advertised.listeners"] += more
        lines["listener.security.protocol.map"] += ",SASL:SASL_PLAINTEXT,TLS:SASL_SSL"
        lines |= {
            "sasl.enabled.mechanisms": f"PLAIN,{SCRAM}",
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": _escape(str(self.authority.keystore)),
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": f"User:ANONYMOUS;User:{USER}",
        }
        users = " ".join(f'user_{name}="{PASSWORD}"' for name in (USER, STRANGER))
        for listener in ("sasl", "tls"):
            jaas = f"listener.name.{listener}.{{}}.sasl.jaas.config"
            package = "org.apache.kafka.common.security"
            lines[jaas.format("plain")] = f"{package}.plain.PlainLoginModule required {users};"
            lines[jaas.format(SCRAM.lower())] = f"{package}.scram.ScramLoginModule required;"
        self._properties.write_text("".join(f"{name}={value}\n" for name, value in lines.items()))


def make_authority(folder: Path) -> Authority:
    """Make an authority and a certificate for this machine's loopback, good for a day."""
    folder.mkdir(parents=True, exist_ok=True)
    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root_name = _name("Avenue's test authority")
    root = (
        _certificate(root_name, root_name, root_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(root_key.public_key()), critical=False)
        .sign(root_key, hashes.SHA256())
    )
    loopback = x509.SubjectAlternativeName([x509.IPAddress(ip_address(HOST)), x509.DNSName("localhost")])
    leaf = (
        _certificate(_name("broker"), root_name, key.public_key())
        .add_extension(loopback, critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), critical=False)
        .sign(root_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    made = Authority(folder / "authority.pem", folder / "broker.pem")
    made.cafile.write_bytes(root.public_bytes(pem))
    made.keystore.write_bytes(private + leaf.public_bytes(pem) + root.public_bytes(pem))
    return made


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _certificate(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )
