"""A few portals live through a season; `make years` is the long form."""

import os
import subprocess
import sys
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.db import connection

pytestmark = pytest.mark.long

FORM = ("--seed", "7", "--portals", "6", "--days", "70", "--pace", "5")


@pytest.mark.django_db(transaction=True)
def test_portals_end_as_their_histories_say() -> None:
    """In a process of its own, whose clocks are set ahead, on the stores of the tests."""
    name = connection.settings_dict["NAME"]
    address = urlunsplit(urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}"))
    done = subprocess.run(
        [sys.executable, "-m", "tests.life.years", *FORM],
        env={**os.environ, "DATABASE_URL": address},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )

    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
