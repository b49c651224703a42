"""Checks of the addresses under which this installation is reached, as they are configured."""

from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

from django.conf import settings
from django.http.request import validate_host

from b24app.operations.doctor.findings import Finding, error, ok, warning

HOW_TO_WRITE = "Write it as https://sendline.example.com."
OF_DEVELOPMENT = ("localhost", ".localhost", ".example", ".invalid", ".test")  # hosts that nobody can have (RFC 2606)


def check_public_url() -> Iterator[Finding]:
    """Find a PUBLIC_URL that Bitrix24 or the services would refuse or not reach."""
    url = str(settings.PUBLIC_URL)
    host = public_host()
    if not host:
        yield error("PUBLIC_URL has no host.", HOW_TO_WRITE)
        return
    if not url.startswith("https://"):
        yield error(
            "PUBLIC_URL does not begin with https://, so messages and tokens would travel readable.", HOW_TO_WRITE
        )
    elif "." not in host:
        yield error(f"PUBLIC_URL names the host {host}, without a dot: portals refuse such handlers.", HOW_TO_WRITE)
    elif url.endswith("/"):
        yield error("PUBLIC_URL ends with a slash, so every address would have two.", HOW_TO_WRITE)
    elif url != f"https://{urlsplit(url).netloc}":
        yield error("PUBLIC_URL holds more than https:// and a host; pages live at the root only.", HOW_TO_WRITE)
    elif "@" in url:
        yield error("PUBLIC_URL holds a user name, which would be in every address.", HOW_TO_WRITE)
    elif is_private_address(host):
        yield warning(
            f"PUBLIC_URL names {host}, which only this network reaches.",
            "Use a public host, unless all portals and services are in this network.",
        )
    else:
        yield ok(f"PUBLIC_URL is {url}.")


def check_allowed_hosts() -> Iterator[Finding]:
    """Find ALLOWED_HOSTS that let any host in, or not our own."""
    host, allowed = public_host(), list(settings.ALLOWED_HOSTS)
    if not allowed:
        yield error("ALLOWED_HOSTS is empty, so every page answers 400.", f"Set ALLOWED_HOSTS={host}.")
    elif "*" in allowed:
        yield error(
            "ALLOWED_HOSTS lets any host in, so a page can be made to point elsewhere.", f"Set ALLOWED_HOSTS={host}."
        )
    elif not validate_host(host, allowed):
        yield error(
            f"ALLOWED_HOSTS lacks {host}, the host of PUBLIC_URL, so every page answers 400.",
            f"Set ALLOWED_HOSTS={','.join([host, *allowed])}.",
        )
    else:
        yield ok(f"ALLOWED_HOSTS: {', '.join(allowed)}.")


def check_trusted_proxies() -> Iterator[Finding]:
    """Find TRUSTED_PROXIES that believe anybody, or that cannot be read."""
    mend = "Name the proxy's own address, for example TRUSTED_PROXIES=10.0.0.5."
    for network in settings.TRUSTED_PROXIES:
        size = prefix_length(network)
        if network == "*" or size == 0:
            yield error(f"TRUSTED_PROXIES believes anybody ({network}), so anybody can pretend to use TLS.", mend)
        elif size is None:
            yield error(f"TRUSTED_PROXIES: {network} is neither an address nor a network.", mend)
        elif not ip_network(network).is_private:
            yield warning(f"TRUSTED_PROXIES believes {network}, which is not private.", mend)
    if not settings.TRUSTED_PROXIES:
        yield warning("TRUSTED_PROXIES is empty, so pages do not know that they are read over TLS.", mend)
    else:
        yield ok(f"TRUSTED_PROXIES: {', '.join(settings.TRUSTED_PROXIES)}.")


def check_development() -> Iterator[Finding]:
    """Find a development installation that others may reach."""
    if settings.DEVELOPMENT and not is_development_host(public_host()):
        yield error(
            f"DEVELOPMENT is on at {public_host()}, which others may reach.",
            "Set DEVELOPMENT=False: it is for `make run` and the tests.",
        )
    elif settings.DEVELOPMENT:
        yield warning("DEVELOPMENT is on: much of what production needs is not checked.", "Never set it in production.")


def public_host() -> str:
    """Return the host of PUBLIC_URL; "" where it has none."""
    try:
        return urlsplit(str(settings.PUBLIC_URL)).hostname or ""
    except ValueError:
        return ""


def is_development_host(host: str) -> bool:
    """Return whether a host is this machine, or a name that nobody can own."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return f".{host}".endswith(OF_DEVELOPMENT) or host == "localhost"


def is_private_address(host: str) -> bool:
    """Return whether a host is written as an IP address that is not public."""
    try:
        return not ip_address(host).is_global
    except ValueError:
        return False


def prefix_length(network: str) -> int | None:
    """Return how many bits of a network are fixed; None if it is none."""
    try:
        return ip_network(network).prefixlen
    except ValueError:
        return None
