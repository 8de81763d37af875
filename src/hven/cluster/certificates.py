"""Throw-away TLS keys: whoever holds the folder may talk to the cluster, nobody else."""

from __future__ import annotations

import datetime as dt
import ipaddress
import os
import stat
from collections.abc import Mapping
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from hven.cluster.tls import ClusterSecurity
from hven.core.errors import ConfigurationError

CERTIFICATE, KEY = "cluster.pem", "cluster.key"
_VALID = dt.timedelta(days=30)


def make_keys(folder: Path) -> None:
    """Write a self-signed certificate and its key, readable by the owner only.

    The certificate is its own authority: scheduler, workers and clients all show it and trust nothing else.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "hven cluster")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=5))
        .not_valid_after(now + _VALID)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = certificate.public_bytes(serialization.Encoding.PEM)
    write_keys(folder, {KEY: private.decode(), CERTIFICATE: public.decode()})


def write_keys(folder: Path, files: Mapping[str, str]) -> None:
    """Write keys into a folder, readable by the owner only."""
    for name, content in files.items():
        with os.fdopen(os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(content)


def security(folder: Path) -> ClusterSecurity:
    """Dask's security record for a folder of keys; encryption is required.

    Raises
    ------
    ConfigurationError
        When the folder holds no keys, or anybody else may enter it.
    """
    _refuse_shared(folder)
    certificate, key = folder / CERTIFICATE, folder / KEY
    for file in (certificate, key):
        if not file.is_file():
            raise ConfigurationError(
                f"{folder} holds no {file.name}", hint="engine.keys names the folder with the cluster's TLS keys."
            )
        _refuse_shared(file)
    roles = ("client", "scheduler", "worker")
    options = {f"tls_{role}_cert": str(certificate) for role in roles}
    options |= {f"tls_{role}_key": str(key) for role in roles}
    return ClusterSecurity(require_encryption=True, tls_ca_file=str(certificate), **options)


def _refuse_shared(path: Path) -> None:
    try:
        found = path.stat()
    except FileNotFoundError:
        raise ConfigurationError(
            f"{path} is not there", hint="engine.keys names the folder with the cluster's TLS keys."
        ) from None
    mode = stat.S_IMODE(found.st_mode)
    if found.st_uid != os.geteuid() or mode & 0o077:
        raise ConfigurationError(
            f"{path} has mode {mode:04o} and belongs to uid {found.st_uid}, but keys must be yours alone",
            hint=f"Whoever reads them runs code in the cluster: chmod -R go-rwx {path}",
        )
