"""The sandbox's certificate authority: made once with trustme, kept with the state so that trust outlives restarts."""

import ssl
from collections.abc import Callable
from functools import cache
from pathlib import Path

import trustme

HOSTS = ("localhost", *(f"127.0.0.{number}" for number in range(1, 61)))


def load_or_create(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """Return the authority's PEM file in `folder` and a server context whose certificate covers every sandbox host."""
    authority, leaf = folder / "ca.pem", folder / "server.pem"
    if not (authority.exists() and leaf.exists()):
        _create_certificates(authority, leaf)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(leaf)
    return authority, context


def distrust_hosts(context: ssl.SSLContext, is_foreign: Callable[[str], bool]) -> None:
    """Let `context` answer callers of some hosts with a certificate of an authority that nobody trusts."""

    def choose(connection: ssl.SSLSocket, name: str | None, _context: ssl.SSLContext) -> None:
        if is_foreign(name or connection.getsockname()[0]):
            connection.context = _create_foreign_context()

    context.sni_callback = choose  # type: ignore[assignment] # it is never an SSLObject here


@cache
def _create_foreign_context() -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA(organization_name="Somebody else").issue_cert(*HOSTS).configure_cert(context)
    return context


def _create_certificates(authority: Path, leaf: Path) -> None:
    authority_key = trustme.CA(organization_name="Sendline sandbox")
    authority_key.cert_pem.write_to_path(authority)
    leaf.touch(mode=0o600)
    authority_key.issue_cert(*HOSTS).private_key_and_cert_chain_pem.write_to_path(leaf)
