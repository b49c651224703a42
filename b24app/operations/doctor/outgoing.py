"""Checks of what leaves this installation, as it is configured."""

import ssl
from collections.abc import Iterator
from ipaddress import ip_network
from urllib.parse import urlsplit

from django.conf import settings

from b24app.operations.doctor.addresses import prefix_length
from b24app.operations.doctor.findings import Finding, error, ok, warning

MIN_PREFIX = {4: 8, 6: 7}  # of the largest private networks there are, 10.0.0.0/8 and fc00::/7
METADATA = ip_network("169.254.0.0/16")  # where clouds hand out credentials


def check_oauth_hosts() -> Iterator[Finding]:
    """Find B24_OAUTH_HOSTS that are none."""
    default = "Set B24_OAUTH_HOSTS=oauth.bitrix.info,oauth.bitrix24.tech, or leave it out."
    odd = [host for host in settings.B24_OAUTH_HOSTS if "/" in host or "." not in host]
    if not settings.B24_OAUTH_HOSTS:
        yield error("B24_OAUTH_HOSTS is empty, so no token can be renewed.", default)
    elif odd:
        yield error(f"B24_OAUTH_HOSTS: {odd[0]} is not the name of a host.", default)
    else:
        yield ok(f"B24_OAUTH_HOSTS: {', '.join(settings.B24_OAUTH_HOSTS)}.")


def check_extra_authority() -> Iterator[Finding]:
    """Find an EXTRA_CA_FILE that cannot be used."""
    if not settings.EXTRA_CA_FILE:
        return
    mend = "Name a PEM file that this process may read, or leave EXTRA_CA_FILE empty."
    try:
        ssl.create_default_context().load_verify_locations(settings.EXTRA_CA_FILE)
    except ssl.SSLError:
        yield error(f"EXTRA_CA_FILE, {settings.EXTRA_CA_FILE}, holds no certificate.", mend)
    except OSError as failure:
        yield error(f"EXTRA_CA_FILE, {settings.EXTRA_CA_FILE}, cannot be read ({failure.strerror}).", mend)
    else:
        yield ok(f"EXTRA_CA_FILE, {settings.EXTRA_CA_FILE}, is trusted for Bitrix24.")


def check_private_networks() -> Iterator[Finding]:
    """Find ALLOWED_PRIVATE_NETWORKS through which tenants would reach what is not theirs."""
    mend = "Leave ALLOWED_PRIVATE_NETWORKS empty, or name single networks, for example 10.1.2.0/24."
    for text in settings.ALLOWED_PRIVATE_NETWORKS:
        size = prefix_length(text)
        if size is None:
            yield error(f"ALLOWED_PRIVATE_NETWORKS: {text} is not a network.", mend)
            continue
        network = ip_network(text)
        if size < MIN_PREFIX[network.version]:
            yield error(f"ALLOWED_PRIVATE_NETWORKS opens {text}, so tenants reach whatever this machine reaches.", mend)
        elif network.version == 4 and network.overlaps(METADATA):
            yield error(f"ALLOWED_PRIVATE_NETWORKS opens {text}, where clouds hand out credentials.", mend)
        elif network.is_loopback:
            yield error(f"ALLOWED_PRIVATE_NETWORKS opens {text}, this machine's own services.", mend)
        else:
            yield warning(f"ALLOWED_PRIVATE_NETWORKS opens {text} to the accounts of every tenant.", mend)


def check_egress_proxy() -> Iterator[Finding]:
    """Find an EGRESS_PROXY that is no address of one."""
    if not settings.EGRESS_PROXY:
        return
    try:
        url = urlsplit(settings.EGRESS_PROXY)
        is_usable = url.scheme in {"http", "https"} and bool(url.hostname and url.port)
    except ValueError:
        is_usable = False
    if is_usable:
        yield ok("EGRESS_PROXY is set: everything that leaves goes through it.")
    else:
        yield error("EGRESS_PROXY is not an address of a proxy.", "Write it as http://host:port, or leave it empty.")
