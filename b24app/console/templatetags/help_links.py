"""The question mark beside an error, which leads to the article about it."""

import re

from django import template
from django.template.context import RequestContext
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from b24app.console.frame.screen import address
from b24app.console.wording.help_topics import explains_code, topic_of
from b24app.messaging.models import Message
from providers.kit import registry

register = template.Library()

_NOT_IN_ANCHORS = re.compile(r"[^A-Za-z0-9_-]+")


@register.filter
def code_anchor(code: str) -> str:
    """Return the id of a service's code in the service's article: codes may hold blanks and brackets, ids may not."""
    return f"code-{_NOT_IN_ANCHORS.sub('-', code)}"


@register.simple_tag(takes_context=True)
def help_on_message(context: RequestContext, message: Message) -> SafeString:
    """Render the mark for why a message failed or waits: to its code, where its service's article has that."""
    request = context["request"]
    topic = topic_of(message, is_admin=request.visitor.is_admin)
    if not topic:
        return SafeString("")
    if request.visitor.is_admin and explains_code(message):
        service = address(request.portal, "help-service", service=message.connection.service)
        return _render_mark(f"{service}#{code_anchor(message.service_code)}")
    return _render_mark(address(request.portal, "help-article", slug=topic))


@register.simple_tag(takes_context=True)
def help_on(context: RequestContext, topic: str) -> SafeString:
    """Render the mark that leads to an article."""
    return _render_mark(address(context["request"].portal, "help-article", slug=topic))


@register.simple_tag(takes_context=True)
def help_on_service(context: RequestContext, service: str) -> SafeString:
    """Render the mark that leads to a service's article; nothing where its file does not load."""
    if service not in registry.services():
        return SafeString("")
    return _render_mark(address(context["request"].portal, "help-service", service=service))


@register.simple_tag
def mail_link(email: str) -> SafeString:
    """Render a mail address as a link, to stand within a sentence."""
    return format_html('<a href="mailto:{}"><bdi dir="ltr">{}</bdi></a>', email, email)


def _render_mark(href: str) -> SafeString:
    label = _("Help with this problem")
    return format_html('<a class="helpmark" href="{}" aria-label="{}" title="{}">?</a>', href, label, label)
