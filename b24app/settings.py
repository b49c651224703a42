"""Django's settings, from the environment; core/configuration/declarations.py explains every name."""

from pathlib import Path

from b24app.core.configuration.environment import load_environment
from b24app.core.logs import configure_logging
from b24app.portals import languages

BASE_DIR = Path(__file__).resolve().parent.parent

env = load_environment(BASE_DIR / ".env")

# -- the installation ------------------------------------------------------------------------------------------------

DEBUG = env("DEBUG")
DEVELOPMENT = env("DEVELOPMENT")
DEMO = env("DEMO")
SECRET_KEY = env("SECRET_KEY")
SECRET_KEY_FALLBACKS = env("SECRET_KEY_FALLBACKS")
ALLOWED_HOSTS = env("ALLOWED_HOSTS")
PUBLIC_URL = env("PUBLIC_URL")
TRUSTED_PROXIES = env("TRUSTED_PROXIES")

# Whom help names as Sendline support; both may be empty.
SUPPORT_EMAIL = env("SUPPORT_EMAIL")
SUPPORT_URL = env("SUPPORT_URL")

# Who answers for this installation, as the privacy policy and the licence agreement name it.
OPERATOR_NAME = env("OPERATOR_NAME")
OPERATOR_ADDRESS = env("OPERATOR_ADDRESS")
OPERATOR_EMAIL = env("OPERATOR_EMAIL") or SUPPORT_EMAIL
OPERATOR_DATA_LOCATION = env("OPERATOR_DATA_LOCATION")

# Lists rotate without downtime: the first encrypts or signs, all decrypt or verify.
SECRETS_KEYS = env("SECRETS_KEYS")
ADDRESS_KEYS = env("ADDRESS_KEYS")

# -- Bitrix24 ----------------------------------------------------------------------------------------------------------

B24_CLIENT_ID = env("B24_CLIENT_ID")
B24_CLIENT_SECRET = env("B24_CLIENT_SECRET")
B24_OAUTH_HOSTS = env("B24_OAUTH_HOSTS")

# -- the network -------------------------------------------------------------------------------------------------------

ALLOWED_PRIVATE_NETWORKS = env("ALLOWED_PRIVATE_NETWORKS")
EGRESS_PROXY = env("EGRESS_PROXY")
EXTRA_CA_FILE = env("EXTRA_CA_FILE")

# -- what one portal may have ------------------------------------------------------------------------------------------

ACCOUNTS_PER_PORTAL = env("ACCOUNTS_PER_PORTAL")
# Of those, SMPP accounts, which stay bound: each takes a thread and three open files of the smpp process.
SMPP_ACCOUNTS_PER_PORTAL = env("SMPP_ACCOUNTS_PER_PORTAL")

# Who changed what is kept for so many days.
KEEP_CHANGES_DAYS = env("KEEP_CHANGES_DAYS")

# -- stores ------------------------------------------------------------------------------------------------------------

DATABASES = {
    "default": {
        **env.database(),
        "CONN_MAX_AGE": env("DATABASE_CONN_MAX_AGE"),
        "CONN_HEALTH_CHECKS": True,
        # For PgBouncer in transaction mode: nothing may outlive a transaction on the server.
        "DISABLE_SERVER_SIDE_CURSORS": True,
    }
}
DATABASES["default"].setdefault("OPTIONS", {}).update(
    {"connect_timeout": 3, "prepare_threshold": None, "keepalives_idle": 30, "tcp_user_timeout": 20_000}
)
# Timeouts of statements, locks and transactions, sent when connecting; the names are PostgreSQL's.
DATABASE_TIMEOUTS = env("DATABASE_TIMEOUTS")
if DATABASE_TIMEOUTS:
    connection_options = [
        DATABASES["default"]["OPTIONS"].get("options", ""),
        *(f"-c {name}={t}" for name, t in DATABASE_TIMEOUTS.items()),
    ]
    DATABASES["default"]["OPTIONS"]["options"] = " ".join(filter(None, connection_options))
# How long a process waits, before it does anything, for migrations that its code needs.
WAIT_FOR_MIGRATIONS_SECONDS = env("WAIT_FOR_MIGRATIONS_SECONDS")
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = env("REDIS_URL")
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "OPTIONS": {"socket_timeout": 1, "socket_connect_timeout": 1},
    }
}

SPOOL_DIR = Path(env("SPOOL_DIR") or BASE_DIR / ".local" / "spool")
SPOOL_MAX_MB = env("SPOOL_MAX_MB")

# Where each process shows /metrics, as 127.0.0.1:9400-9419: the first free port of these; empty: nowhere.
METRICS_ADDRESS = env("METRICS_ADDRESS")

# -- Celery: tasks only wake workers up, so losing one loses nothing ---------------------------------------------------

CELERY_BROKER_URL = REDIS_URL.replace("unix://", "redis+socket://").replace("?db=", "?virtual_host=")
CELERY_BROKER_TRANSPORT_OPTIONS = {"socket_timeout": 5, "socket_connect_timeout": 2, "ack_emulation": False}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_DEFAULT_QUEUE = "care"
CELERY_TASK_PUBLISH_RETRY = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
CELERY_TIMEZONE = "UTC"

# -- Django ------------------------------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django_htmx",
    "b24app.exchange_log",
    "b24app.portals",
    "b24app.audit",
    "b24app.messaging",
    "b24app.console",
    "b24app.operations",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "b24app.console.frame.compression.CompressPages",
    "django.middleware.common.CommonMiddleware",
    "b24app.console.frame.middleware.FramePolicy",
    "b24app.console.frame.middleware.TicketSession",
    "django.middleware.csrf.CsrfViewMiddleware",
    "b24app.console.frame.middleware.Language",
    "django_htmx.middleware.HtmxMiddleware",
]

ROOT_URLCONF = "b24app.urls"
WSGI_APPLICATION = "b24app.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": False,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
            ],
            "builtins": ["b24app.console.templatetags.console", "b24app.console.templatetags.tables"],
            "libraries": {"console": "b24app.console.templatetags.console"},
        },
    }
]

STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    }
}
WHITENOISE_USE_FINDERS = DEBUG
WHITENOISE_AUTOREFRESH = DEBUG

USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = True
LANGUAGE_CODE = "en"
LANGUAGES = languages.NAMES
LOCALE_PATHS = [BASE_DIR / "b24app" / "locale"]

# Of a form. Webhooks have limits of their own (b24app/webhooks/request_body.py), and so has the server.
DATA_UPLOAD_MAX_MEMORY_SIZE = 64 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 1000

SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
# Only what TRUSTED_PROXIES say arrives here (core/trusted_proxies.py).
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if PUBLIC_URL.startswith("https://") else 0
CSRF_COOKIE_SECURE = PUBLIC_URL.startswith("https://")
APPEND_SLASH = False

SILENCED_SYSTEM_CHECKS = [
    "security.W002",  # pages live in a portal's frame: FramePolicy names who may frame each, and denies all others
    "security.W005",  # other hosts of this domain are not ours to decide about
    "security.W008",  # the proxy redirects; Bitrix24 and the services never repeat a call that was redirected
    "security.W021",  # likewise: a whole domain is put on browsers' lists by its owner
]

LOGGING_CONFIG = None
configure_logging(env("LOG_FORMAT"), env("LOG_LEVEL"))
env.refuse_if_unusable()
