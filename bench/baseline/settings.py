"""A small Django project with the application's own stores and connection settings, and no middleware at all."""

import environ

env = environ.Env()
SECRET_KEY = env("SECRET_KEY")
SECRETS_KEY = env.list("SECRETS_KEYS")[0]
PUBLIC_URL = env("PUBLIC_URL")
PORTAL_CA_FILE = env("EXTRA_CA_FILE")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS")
DATABASES = {"default": {**env.db_url("DATABASE_URL"), "CONN_MAX_AGE": 300, "CONN_HEALTH_CHECKS": True}}
DATABASES["default"]["DISABLE_SERVER_SIDE_CURSORS"] = True
DATABASES["default"].setdefault("OPTIONS", {}).update({"connect_timeout": 3, "prepare_threshold": None})
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = ["bench.baseline"]
ROOT_URLCONF = "bench.baseline.urls"
USE_TZ = True
CELERY_BROKER_URL = env("REDIS_URL").replace("unix://", "redis+socket://").replace("?db=", "?virtual_host=")
CELERY_TASK_IGNORE_RESULT = True
