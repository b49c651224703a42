"""The checks that each process makes before it starts: they read settings and disk, and wait for nothing."""

from collections.abc import Callable, Iterable

from b24app.operations.doctor import addresses, built, deployment, keys, outgoing, spool_disk, store_urls
from b24app.operations.doctor.findings import Check, Finding


def _configured(name: str, find: Callable[[], Iterable[Finding]]) -> Check:
    """Return a check of settings, which in development are as they should not be."""
    return Check(name, find, is_for_production=True)


LOCAL = (
    Check("development", addresses.check_development),
    _configured("debug", deployment.check_debug),
    _configured("secret-key", keys.check_secret_key),
    _configured("secrets-keys", keys.check_secrets_keys),
    _configured("address-keys", keys.check_address_keys),
    _configured("shared-keys", keys.check_shared_keys),
    _configured("client", keys.check_client),
    _configured("public-url", addresses.check_public_url),
    _configured("allowed-hosts", addresses.check_allowed_hosts),
    _configured("trusted-proxies", addresses.check_trusted_proxies),
    _configured("oauth-hosts", outgoing.check_oauth_hosts),
    _configured("extra-authority", outgoing.check_extra_authority),
    _configured("private-networks", outgoing.check_private_networks),
    _configured("egress-proxy", outgoing.check_egress_proxy),
    _configured("database-url", store_urls.check_database_url),
    _configured("redis-url", store_urls.check_redis_url),
    _configured("numbers", deployment.check_numbers),
    _configured("demo", deployment.check_demo),
    _configured("operator", deployment.check_operator),
    Check("spool", spool_disk.check_writable, needs_disk=True),
    Check("spool-place", spool_disk.check_place, is_for_production=True, needs_disk=True),
    Check("translations", built.check_translations, needs_disk=True),
    Check("static-files", built.check_static_files, is_for_production=True, needs_disk=True),
)
