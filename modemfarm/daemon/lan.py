"""`run --lan`: this machine's private addresses, and a certificate of its own making for them."""

from __future__ import annotations

import ipaddress
import os
import socket
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path

from modemfarm.config.kinds import loopback
from modemfarm.config.load import Config
from modemfarm.errors import ConfigError
from modemfarm.webapp.places import Certificate

LIVES = timedelta(days=820)  # browsers refuse longer ones, also from an authority that a person has added
_RENEW = timedelta(days=30)
_PRIVATE = tuple(
    ipaddress.ip_network(net) for net in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
)


@dataclass(frozen=True, slots=True)
class Lan:
    """What other machines need to know to come in safely.

    Attributes:
        addresses: where it listens.
        fingerprint: SHA-256 of the certificate, as browsers show it.
    """

    addresses: tuple[str, ...]
    port: int
    fingerprint: str

    @property
    def urls(self) -> list[str]:
        """The page, once for each address."""
        return [f"https://{f'[{item}]' if ':' in item else item}:{self.port}" for item in self.addresses]


Announce = Callable[[Lan], None]


@dataclass(frozen=True, slots=True)
class Opening:
    """Where the page listens beside `http.listen`, and with which certificates."""

    certificate: Certificate | None = None
    addresses: tuple[str, ...] = ()
    lan_certificate: Certificate | None = None
    fingerprint: str = ""


def opening(config: Config, now: datetime, *, lan: bool) -> Opening:
    """What `http` of config.yaml and `--lan` ask for.

    Raises:
        ConfigError: it cannot be had.
    """
    http = config.file.http
    own = None if http.tls is None else Certificate(config.state_dir / http.tls.cert, config.state_dir / http.tls.key)
    if own is not None:
        own.context()  # before anything else starts
    if not lan:
        return Opening(own)
    if not loopback(http.listen):
        what = f"--lan listens on private addresses beside it; here is {http.listen}: take --lan or http.listen away"
        raise ConfigError(config.name, "http.listen", what)
    addresses = private_addresses()
    if not addresses:
        what = "--lan found no private address (10…, 172.16…, 192.168…, fd…): is the network up?"
        raise ConfigError("", "", what)
    if own is not None:
        return Opening(own, addresses, own, _fingerprint(ssl.PEM_cert_to_DER_cert(_first(own.cert.read_text("ascii")))))
    made, fingerprint = own_certificate(config.state_dir, addresses, now)
    return Opening(None, addresses, made, fingerprint)


def _first(pem: str) -> str:
    """The first certificate of a chain."""
    end = "-----END CERTIFICATE-----"
    return pem[pem.index("-----BEGIN CERTIFICATE-----") :].partition(end)[0] + end


def private_addresses(proc: Path = Path("/proc/net")) -> tuple[str, ...]:
    """This machine's addresses in private networks; those of a single link (169.254, fe80) are left out."""
    found, last = set(), ""
    for line in _lines(proc / "fib_trie"):
        if "|--" in line:
            last = line.split()[-1]
        elif "host LOCAL" in line:
            found.add(last)
    for line in _lines(proc / "if_inet6"):
        found.add(str(ipaddress.IPv6Address(bytes.fromhex(line.split()[0]))))
    addresses = [ipaddress.ip_address(item) for item in found]
    private = [item for item in addresses if any(item in net for net in _PRIVATE if net.version == item.version)]
    return tuple(str(item) for item in sorted(private, key=lambda item: (item.version, int(item))))


def _lines(path: Path) -> Sequence[str]:
    try:
        return path.read_text("ascii").splitlines()
    except OSError:  # a kernel without IPv6
        return ()


def own_certificate(state_dir: Path, addresses: Sequence[str], now: datetime) -> tuple[Certificate, str]:
    """The self-signed certificate of this farm, made on first use and anew a month before it ends.

    It stays while addresses change, so that its fingerprint does.

    Returns:
        Its files and its fingerprint.
    """
    from cryptography import x509  # noqa: PLC0415 # 50 ms that only --lan needs
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 # the same

    files = Certificate(state_dir / "lan-cert.pem", state_dir / "lan-key.pem")
    try:
        found = x509.load_pem_x509_certificate(files.cert.read_bytes())
        whole = files.key.exists() and found.not_valid_after_utc > now + _RENEW
    except (OSError, ValueError):
        whole = False
    if not whole:
        cert, key = _made(addresses, now)
        _put(files.key, key)
        _put(files.cert, cert)
        found = x509.load_pem_x509_certificate(cert)
    return files, _fingerprint(found.public_bytes(serialization.Encoding.DER))


def _fingerprint(der: bytes) -> str:
    return ":".join(f"{octet:02X}" for octet in sha256(der).digest())


def _made(addresses: Sequence[str], now: datetime) -> tuple[bytes, bytes]:
    from cryptography import x509  # noqa: PLC0415 # as above
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415 # the same
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415 # the same
    from cryptography.x509.oid import ExtendedKeyUsageOID  # noqa: PLC0415 # the same

    key = ec.generate_private_key(ec.SECP256R1())
    host = socket.gethostname().partition(".")[0] or "modemfarm"
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, f"modemfarm on {host}"[:64])])
    also = [x509.DNSName(item) for item in dict.fromkeys((host, f"{host}.local", "localhost"))]
    numbers = [x509.IPAddress(ipaddress.ip_address(item)) for item in addresses]
    cert = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + LIVES)
        .add_extension(x509.SubjectAlternativeName([*also, *numbers]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return cert.public_bytes(serialization.Encoding.PEM), secret


def _put(path: Path, data: bytes) -> None:
    """Whole, and readable by its owner alone."""
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
