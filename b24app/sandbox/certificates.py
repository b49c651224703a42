"""The sandbox's certificate authority: made once with trustme, kept beside the state, so that a restart keeps trust."""

import ssl
from pathlib import Path

import trustme

HOSTS = ("localhost", *(f"127.0.0.{number}" for number in range(1, 21)))


def load_or_create(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """The PEM file of the authority in `folder`, and a server context whose certificate covers every sandbox host."""
    authority, leaf = folder / "ca.pem", folder / "server.pem"
    if not (authority.exists() and leaf.exists()):
        _create_certificates(authority, leaf)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(leaf)
    return authority, context


def _create_certificates(authority: Path, leaf: Path) -> None:
    made = trustme.CA(organization_name="Sendline sandbox")
    made.cert_pem.write_to_path(authority)
    leaf.touch(mode=0o600)
    made.issue_cert(*HOSTS).private_key_and_cert_chain_pem.write_to_path(leaf)
