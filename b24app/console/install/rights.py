"""An employee who says that they have become an administrator: Bitrix24 is asked at once, and not tomorrow."""

from django.http import HttpResponse
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from b24app.console.frame.screen import FramedRequest, redirect, with_toast
from b24app.portals.callers import admin_rights

REPEATED = "Sendline-Again"  # the page sends it with a request that it repeats with a new ticket


@require_POST
def check_rights(request: FramedRequest) -> HttpResponse:
    """Have the page renew its ticket, for which Bitrix24 is asked, and repeat this request; then say what it said."""
    if request.visitor.is_admin:
        return redirect(request, "home", toast=_("Bitrix24 confirmed that you’re an administrator."), whole=True)
    if REPEATED not in request.headers and admin_rights.ask_again(request.portal, request.visitor.user_id):
        return HttpResponse(status=401)
    return with_toast(HttpResponse(status=204), _("Bitrix24 says that you’re not an administrator."))


urlpatterns = [path("rights/", check_rights, name="rights")]
