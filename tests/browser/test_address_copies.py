"""A copied box is decided on, and an employee becomes an administrator, by the buttons of a real page."""

import pytest

from b24app.operations.local.stack import Stack
from tests.browser.looks import look
from tests.browser.people import Portal, control

pytestmark = pytest.mark.browser

NOTICE = """
from django.utils import timezone
from b24app.portals.models import Portal, PortalCopy
portal = Portal.objects.earliest("pk")
Portal.objects.update(installed_at=timezone.now())
checked = {"checked_at": timezone.now()}
PortalCopy.objects.get_or_create(portal=portal, host="test-copy.crm.example:8443", defaults=checked)
"""

# What Bitrix24 said about employees, as if a minute had passed.
FORGET = """
from b24app.core.redis import redis_client
redis = redis_client()
redis.delete(*redis.keys("not-admin:*"))
"""


def test_an_administrator_blocks_a_copy_that_home_tells_of(app: Stack, furnished: Portal) -> None:
    portal = furnished
    app.supervisor.run("notice", ["manage.py", "shell", "-c", NOTICE])
    portal.open()
    portal.see("Home")
    assert portal.frame.get_by_text("test-copy.crm.example:8443 uses the ID of your Bitrix24").is_visible()
    portal.frame.locator("a[href$='/addresses/']").click()
    portal.see("Bitrix24 addresses")
    assert look(portal, "addresses") == []
    portal.picture("addresses")
    portal.press("Block address")
    portal.settle()
    portal.see("Bitrix24 addresses")
    assert portal.frame.locator(".badge", has_text="Address blocked").is_visible()
    assert portal.frame.get_by_role("button", name="Allow address").is_visible()


def test_an_employee_who_becomes_an_administrator_needs_one_click(app: Stack, furnished: Portal) -> None:
    portal = furnished
    app.supervisor.run("notice", ["manage.py", "shell", "-c", NOTICE])
    portal.open(user=7)
    portal.see("Home")
    portal.picture("rights")
    control(app, "switches", portal="alpha", promote=7)
    app.supervisor.run("wait", ["manage.py", "shell", "-c", FORGET])
    portal.press("Check my rights")
    portal.settle()
    assert portal.frame.get_by_text("Connect a service").first.is_visible()
    portal.troubles = [one for one in portal.troubles if "401" not in one]
    control(app, "switches", portal="alpha", demote=7)
