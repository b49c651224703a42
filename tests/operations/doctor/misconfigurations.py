"""Ways to configure an installation unsafely: what is changed, and what has to be said about it."""

import os
from pathlib import Path
from typing import Any

from django.conf import settings

from b24app.operations.doctor.keys import MAKE_FERNET_KEY, MAKE_KEY
from tests.operations.doctor.production import GOOD

HOW = "Write it as https://sendline.example.com."
HOSTS = "Set ALLOWED_HOSTS=sendline.example.com."
PROXY = "Name the proxy's own address, for example TRUSTED_PROXIES=10.0.0.5."
OAUTH = "Set B24_OAUTH_HOSTS=oauth.bitrix.info,oauth.bitrix24.tech, or leave it out."
CA = "Name a PEM file that this process may read, or leave EXTRA_CA_FILE empty."
PRIVATE = "Leave ALLOWED_PRIVATE_NETWORKS empty, or name single networks, for example 10.1.2.0/24."
OUTSIDE = "Set SPOOL_DIR to a folder on a disk of this node's own, for example /var/lib/sendline/spool."
CLIENT = "Copy it from the application's version card in the partner area."
CODE = Path(settings.BASE_DIR)
IN_MEMORY = Path(f"/dev/shm/sendline-doctor-test-{os.getpid()}")  # noqa: S108 - the very thing
IN_CODE = CODE / ".local" / f"spool-of-a-test-{os.getpid()}"  # several processes run tests
IN_A_FILE = Path("/etc/passwd/spool")
FERNET = GOOD["SECRETS_KEYS"][0]
ADDRESS = GOOD["ADDRESS_KEYS"][0]


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "debug": ({"DEBUG": True}, "DEBUG is on, so an error page shows code and data to anybody. Set DEBUG=False."),
    "development in public": (
        {"DEVELOPMENT": True},
        (
            "DEVELOPMENT is on at sendline.example.com, which others may reach. "
            "Set DEVELOPMENT=False: it is for `make run` and the tests."
        ),
    ),
    "short secret key": (
        {"SECRET_KEY": "x"},
        f"SECRET_KEY has 1 of at least 50 characters, so page tickets can be forged. {MAKE_KEY}",
    ),
    "sample secret key": (
        {"SECRET_KEY": "django-insecure-" + "abcdefghij" * 5},
        f"SECRET_KEY is a sample, so page tickets can be forged. {MAKE_KEY}",
    ),
    "secret key of one letter": (
        {"SECRET_KEY": "a" * 60},
        f"SECRET_KEY has only 1 different character, so page tickets can be forged. {MAKE_KEY}",
    ),
    "blank former secret key": (
        {"SECRET_KEY_FALLBACKS": [" "]},
        "SECRET_KEY_FALLBACKS: number 1 is blank, so page tickets can be forged. Take it out.",
    ),
    "sealing key that is none": (
        {"SECRETS_KEYS": [FERNET, "abc"]},
        f"SECRETS_KEYS: number 2 is not a Fernet key. {MAKE_FERNET_KEY}",
    ),
    "no sealing key": (
        {"SECRETS_KEYS": []},
        f"SECRETS_KEYS is empty, so no token and no credential can be stored. {MAKE_FERNET_KEY}",
    ),
    "short signing key": (
        {"ADDRESS_KEYS": ["a"]},
        "ADDRESS_KEYS: number 1 has 1 of at least 16 characters, so handler addresses can be forged. " + MAKE_KEY,
    ),
    "blank second signing key": (
        {"ADDRESS_KEYS": [ADDRESS, " "]},
        f"ADDRESS_KEYS: number 2 is blank, so handler addresses can be forged. {MAKE_KEY}",
    ),
    "no signing key": (
        {"ADDRESS_KEYS": []},
        f"ADDRESS_KEYS is empty, so every handler call is refused. {MAKE_KEY}",
    ),
    "sample client secret": (
        {"B24_CLIENT_SECRET": "secret"},
        f"B24_CLIENT_SECRET is a sample, so no portal can be authorised. {CLIENT}",
    ),
    "form as it is": (
        {"B24_CLIENT_ID": ""},
        f"B24_CLIENT_ID is blank, so no portal can be authorised. {CLIENT}",
    ),
    "readable url": (
        {"PUBLIC_URL": "http://sendline.example.com"},
        f"PUBLIC_URL does not begin with https://, so messages and tokens would travel readable. {HOW}",
    ),
    "url without a dot": (
        {"PUBLIC_URL": "https://sendline", "ALLOWED_HOSTS": ["sendline"]},
        f"PUBLIC_URL names the host sendline, without a dot: portals refuse such handlers. {HOW}",
    ),
    "url with a path": (
        {"PUBLIC_URL": "https://sendline.example.com/sms"},
        f"PUBLIC_URL holds more than https:// and a host; pages live at the root only. {HOW}",
    ),
    "url with a slash": (
        {"PUBLIC_URL": "https://sendline.example.com/"},
        f"PUBLIC_URL ends with a slash, so every address would have two. {HOW}",
    ),
    "no hosts": ({"ALLOWED_HOSTS": []}, f"ALLOWED_HOSTS is empty, so every page answers 400. {HOSTS}"),
    "any host": (
        {"ALLOWED_HOSTS": ["*"]},
        f"ALLOWED_HOSTS lets any host in, so a page can be made to point elsewhere. {HOSTS}",
    ),
    "another host": (
        {"ALLOWED_HOSTS": ["sms.example.com"]},
        (
            "ALLOWED_HOSTS lacks sendline.example.com, the host of PUBLIC_URL, so every page answers 400. "
            "Set ALLOWED_HOSTS=sendline.example.com,sms.example.com."
        ),
    ),
    "any proxy": (
        {"TRUSTED_PROXIES": ["0.0.0.0/0"]},
        f"TRUSTED_PROXIES believes anybody (0.0.0.0/0), so anybody can pretend to use TLS. {PROXY}",
    ),
    "proxy by name": (
        {"TRUSTED_PROXIES": ["proxy.example.com"]},
        f"TRUSTED_PROXIES: proxy.example.com is neither an address nor a network. {PROXY}",
    ),
    "no oauth hosts": ({"B24_OAUTH_HOSTS": []}, f"B24_OAUTH_HOSTS is empty, so no token can be renewed. {OAUTH}"),
    "oauth address": (
        {"B24_OAUTH_HOSTS": ["https://oauth.bitrix.info"]},
        f"B24_OAUTH_HOSTS: https://oauth.bitrix.info is not the name of a host. {OAUTH}",
    ),
    "missing authority": (
        {"EXTRA_CA_FILE": "/nonexistent/ca.pem"},
        f"EXTRA_CA_FILE, /nonexistent/ca.pem, cannot be read (No such file or directory). {CA}",
    ),
    "authority that is none": (
        {"EXTRA_CA_FILE": str(CODE / "README.md")},
        f"EXTRA_CA_FILE, {CODE}/README.md, holds no certificate. {CA}",
    ),
    "all networks": (
        {"ALLOWED_PRIVATE_NETWORKS": ["0.0.0.0/0"]},
        f"ALLOWED_PRIVATE_NETWORKS opens 0.0.0.0/0, so tenants reach whatever this machine reaches. {PRIVATE}",
    ),
    "metadata network": (
        {"ALLOWED_PRIVATE_NETWORKS": ["169.254.169.254/32"]},
        f"ALLOWED_PRIVATE_NETWORKS opens 169.254.169.254/32, where clouds hand out credentials. {PRIVATE}",
    ),
    "egress proxy without port": (
        {"EGRESS_PROXY": "proxy.example.com"},
        "EGRESS_PROXY is not an address of a proxy. Write it as http://host:port, or leave it empty.",
    ),
    "open redis": (
        {"REDIS_URL": "redis://8.8.8.8:6379/0"},
        (
            "REDIS_URL leads to the public address 8.8.8.8 without a password. "
            "Set requirepass in Redis, and keep it in a private network."
        ),
    ),
    "open database": (
        {"DATABASE": {"HOST": "8.8.4.4", "PASSWORD": ""}},
        (
            "DATABASE_URL leads to the public address 8.8.4.4 without a password. "
            "Give the role a password, and keep PostgreSQL in a private network."
        ),
    ),
    "readable database": (
        {"DATABASE": {"HOST": "8.8.4.4", "PASSWORD": "long"}},
        (
            "DATABASE_URL leads to the public address 8.8.4.4 without TLS. "
            "Add ?sslmode=verify-full, or keep PostgreSQL in a private network."
        ),
    ),
    "spool in memory": (
        {"SPOOL_DIR": IN_MEMORY},
        f"SPOOL_DIR, {IN_MEMORY}, is on a disk that forgets (tmpfs). {OUTSIDE}",
    ),
    "spool in the code": (
        {"SPOOL_DIR": IN_CODE},
        (f"SPOOL_DIR, {IN_CODE}, lies in the folder of the code, which an upgrade replaces. {OUTSIDE}"),
    ),
    "spool that cannot be written": (
        {"SPOOL_DIR": IN_A_FILE},
        (
            f"SPOOL_DIR, {IN_A_FILE}, cannot be written (Not a directory). "
            "It has to be a folder on a disk that this process may write to."
        ),
    ),
    "no room to spool": (
        {"SPOOL_MAX_MB": 0},
        "SPOOL_MAX_MB is 0, so calls are lost while the database is away. Set it to 16 or more; 512 is the default.",
    ),
    "nothing built": (
        {"STATIC_ROOT": Path("/nonexistent")},
        "Static files are not collected in /nonexistent. Run `python -m b24app.operations.build` where the code is.",
    ),
}
