"""Every setting that is read from the environment: its type, its default and what it means.

settings.py reads by this list, and the documents of the settings are made of it.
"""

from b24app.core.configuration.setting import Kind, Setting

INSTALLATION = (
    Setting(
        "SECRET_KEY",
        "Django's own secret: page tickets are signed with it. At least 50 random characters. Made by:\n"
        '  python -c "import secrets; print(secrets.token_urlsafe(48))"',
        default=None,
        is_secret=True,
    ),
    Setting(
        "SECRET_KEY_FALLBACKS",
        "Former ones: tickets signed with them are still good. Needed for 12 hours after a change.",
        kind=Kind.LIST,
        is_secret=True,
    ),
    Setting(
        "PUBLIC_URL",
        "Where Bitrix24 and the services reach us: https:// and a host, without a path or a slash at the end. HANDLER "
        "addresses start with it.",
        default=None,
        example="https://sendline.example.com",
    ),
    Setting(
        "ALLOWED_HOSTS",
        "Hosts this installation answers for; that of PUBLIC_URL has to be one of them.",
        kind=Kind.LIST,
        example="sendline.example.com",
    ),
    Setting(
        "TRUSTED_PROXIES",
        "Addresses or networks of the proxies in front. They are believed what they say of a request "
        "(X-Forwarded-Proto, X-Forwarded-For), and nobody else is.",
        default="127.0.0.0/8,::1",
        kind=Kind.LIST,
    ),
    Setting(
        "SECRETS_KEYS",
        "Fernet keys for tokens and credentials at rest; the first encrypts, all decrypt. Made by:\n"
        '  python -c "from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())"',
        default=None,
        kind=Kind.LIST,
        is_secret=True,
    ),
    Setting(
        "ADDRESS_KEYS",
        "Keys that sign our own addresses (handlers, reports, events); the first signs, all verify. At least 16 random "
        "characters each, made as SECRET_KEY is. `manage.py reregister` says when one can be taken out.",
        default=None,
        kind=Kind.LIST,
        is_secret=True,
    ),
    Setting(
        "DEMO",
        "Offer the demonstration service, which sends nothing. For market moderators and first steps.",
        default="False",
        kind=Kind.FLAG,
    ),
    Setting(
        "SUPPORT_EMAIL", "Where Help tells users to send diagnostics and questions; this, SUPPORT_URL, both or none."
    ),
    Setting("SUPPORT_URL", "A page for the same."),
    Setting(
        "OPERATOR_NAME",
        "Who answers for this installation: the company with its legal form. Named by /legal/privacy/ and "
        "/legal/licence/, which the market's card links to; `manage.py check --deploy` and `manage.py doctor` warn "
        "while this, the address or the e-mail address is missing.",
    ),
    Setting("OPERATOR_ADDRESS", "Its postal address."),
    Setting("OPERATOR_EMAIL", "Where people write about their data; SUPPORT_EMAIL unless set."),
    Setting("OPERATOR_DATA_LOCATION", "The country in which the data is stored, in /legal/privacy/."),
    Setting(
        "DEBUG", "Never in production: an error page would show the code to anybody.", default="False", kind=Kind.FLAG
    ),
    Setting(
        "DEVELOPMENT",
        "Set by `make run` and the tests, and honoured for no other address than theirs: processes start although they "
        "are configured as no installation should be.",
        default="False",
        kind=Kind.FLAG,
    ),
)

BITRIX24 = (
    Setting("B24_CLIENT_ID", "From the version card of the application in the partner area.", default=None),
    Setting("B24_CLIENT_SECRET", "Beside the client id.", default=None, is_secret=True),
    Setting(
        "B24_OAUTH_HOSTS",
        "Authorisation servers that may be asked, the first is the default. A posted server is used only if it is "
        "here.",
        default="oauth.bitrix.info,oauth.bitrix24.tech",
        kind=Kind.LIST,
    ),
)

STORES = (
    Setting(
        "DATABASE_URL",
        "PostgreSQL 15 or later; PgBouncer in transaction mode is fine.",
        default=None,
        is_secret=True,
        example="postgresql://sendline:password@db.example.com:5432/sendline",
    ),
    Setting(
        "DATABASE_CONN_MAX_AGE",
        "Seconds a database connection is kept; 0 behind PgBouncer.",
        default="300",
        kind=Kind.NUMBER,
    ),
    Setting(
        "DATABASE_TIMEOUTS",
        "How long a statement, the wait for a lock, and a transaction that does nothing may last, as PostgreSQL "
        "writes it. Said when connecting, which PgBouncer refuses: leave it empty there and set the same for the role "
        "instead, for example\n"
        "  ALTER ROLE sendline SET statement_timeout = '10s'\n"
        "and let migrations connect as a role without limits. A statement that took too long counts as a database that "
        "is away.",
        default="statement_timeout=10s,lock_timeout=3s,idle_in_transaction_session_timeout=30s",
        kind=Kind.PAIRS,
    ),
    Setting(
        "WAIT_FOR_MIGRATIONS_SECONDS",
        "How long a process waits at its start for the migrations that its code needs, before it ends with a sentence.",
        default="60",
        kind=Kind.NUMBER,
    ),
    Setting(
        "REDIS_URL",
        "Redis 6.2 or later. It holds nothing that may not be lost.",
        default=None,
        is_secret=True,
        example="redis://redis.example.com:6379/0",
    ),
    Setting(
        "SPOOL_DIR",
        "A folder on this node's own disk for what arrives while the database is away. It has to outlive a restart of "
        "the node and an upgrade of the code; `.local/spool` beside the code unless set, which is for development.",
        example="/var/lib/sendline/spool",
    ),
    Setting("SPOOL_MAX_MB", "How many megabytes it may take.", default="512", kind=Kind.NUMBER),
)

LIMITS = (
    Setting(
        "ACCOUNTS_PER_PORTAL",
        "Accounts one portal may connect in all; what it has above stays.",
        default="20",
        kind=Kind.NUMBER,
    ),
    Setting(
        "SMPP_ACCOUNTS_PER_PORTAL",
        "Of those, SMPP accounts, which stay bound: each takes a thread and three open files of the smpp process.",
        default="5",
        kind=Kind.NUMBER,
    ),
    Setting(
        "KEEP_CHANGES_DAYS",
        "Who paused, edited, removed or exported what is kept for so many days.",
        default="730",
        kind=Kind.NUMBER,
    ),
)

NETWORK = (
    Setting(
        "EGRESS_PROXY",
        "A proxy for everything that leaves us, as http://host:port; it must refuse private addresses itself.",
        is_secret=True,
    ),
    Setting(
        "ALLOWED_PRIVATE_NETWORKS",
        "Private networks that services and portals may live in; there any port, and http:// by IP address. Empty in "
        "production.",
        kind=Kind.LIST,
    ),
    Setting("EXTRA_CA_FILE", "One more certificate authority (a PEM file) to trust for Bitrix24, beside certifi's."),
)

WATCHING = (
    Setting(
        "METRICS_ADDRESS",
        "Where each process shows /metrics, /healthz and /readyz, as 127.0.0.1:9400-9419: the first free port of "
        "these. Empty: nowhere.",
    ),
)

LOGS = (
    Setting("LOG_FORMAT", "For machines or for people.", default="json", choices=("json", "console")),
    Setting(
        "LOG_LEVEL",
        "What is less important is left out.",
        default="INFO",
        choices=("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"),
    ),
)

SECTIONS = {
    "The installation": INSTALLATION,
    "Bitrix24": BITRIX24,
    "Stores": STORES,
    "Limits": LIMITS,
    "The network": NETWORK,
    "Watching": WATCHING,
    "Logs": LOGS,
}
SETTINGS: dict[str, Setting] = {setting.name: setting for section in SECTIONS.values() for setting in section}
