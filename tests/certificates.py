"""An authority and certificates of its own, as files, for the tests that speak TLS."""

import ssl
from pathlib import Path
from typing import Final

import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

PASSPHRASE: Final = "swordfish"


class Certificates:
    """Files in a folder: `ca.crt`, and `server`, `client` and `stranger` with their `.crt` and `.key`.

    The stranger's certificate is of another authority; `locked.key` is the server's key under `PASSPHRASE`.

    Args:
        folder: where to write them.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        authority = trustme.CA()
        self.ca = folder / "ca.crt"
        authority.cert_pem.write_to_path(self.ca)
        for name, issuer in (("server", authority), ("client", authority), ("stranger", trustme.CA())):
            self.renew(name, issuer)
        key = load_pem_private_key(self.key("server").read_bytes(), None)
        self.key("locked").write_bytes(
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(PASSPHRASE.encode()))
        )

    def renew(self, name: str, issuer: trustme.CA) -> None:
        """Write a new certificate with a new key."""
        made = issuer.issue_cert("localhost", "127.0.0.1", "::1", common_name=name)
        self.crt(name).write_bytes(b"".join(blob.bytes() for blob in made.cert_chain_pems))
        self.key(name).write_bytes(made.private_key_pem.bytes())

    def crt(self, name: str) -> Path:
        """Return the path of a certificate."""
        return self.folder / f"{name}.crt"

    def key(self, name: str) -> Path:
        """Return the path of a private key."""
        return self.folder / f"{name}.key"

    def directives(self, **changes: str) -> list[str]:
        """Return the arguments of a server with these files; `auth_clients="no"` changes or adds one."""
        values = {
            "cert_file": str(self.crt("server")),
            "key_file": str(self.key("server")),
            "ca_cert_file": str(self.ca),
            **changes,
        }
        return [word for name, value in values.items() for word in (f"--tls-{name.replace('_', '-')}", value)]

    def client(self, name: str = "client") -> ssl.SSLContext:
        """Return the context of a client that trusts the authority; with a certificate, unless the name is empty."""
        context = ssl.create_default_context(cafile=self.ca)
        if name:
            context.load_cert_chain(self.crt(name), self.key(name))
        return context
