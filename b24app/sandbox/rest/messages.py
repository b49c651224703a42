"""messageservice.message.status.update, in the order of the portal's source (docs/bitrix24.md D.5)."""

import time

from b24app.sandbox.rest.call import Call, Method, is_empty
from b24app.sandbox.rest.errors import RestError
from b24app.sandbox.rest.senders import read_code

STATUSES = ("queued", "sent", "delivered", "undelivered", "failed")


def update_status(call: Call) -> object:
    """Return true even when nothing changed; for their own messages the author's token suffices."""
    call.need_application()
    code = read_code(call)
    message_id, status = call.text("MESSAGE_ID"), call.params.get("STATUS")
    if is_empty(message_id):
        raise RestError("ERROR_MESSAGE_NOT_FOUND", "Message not found!")
    if status not in STATUSES:
        raise RestError("ERROR_MESSAGE_STATUS_INCORRECT", "Message status incorrect!")
    message = call.portal.find_message(message_id, time.time())
    is_filtered = call.portal.switches.status_by_code
    if message is None or (is_filtered and (message.code, "") != (code, call.owner)):
        raise RestError("ERROR_MESSAGE_NOT_FOUND", "Message not found!")
    if message.author != call.user.id:
        call.need_admin()
    message.set_status(str(status), "rest", time.time())
    return True


METHODS = {"messageservice.message.status.update": Method("messageservice", update_status)}
