"""What to do, in sentences that fit any service; hints use them where nothing of their own would help more.

They are here once, so that they are translated once. A service that knows the very page of its console says that.
"""

from providers.kit.i18n import _

# -- the account ------------------------------------------------------------------------------------------------------

CREDENTIALS = _("Compare the credentials with the values shown by the service and save them again.")
SUSPENDED = _("The service closed or suspended this account. Contact their support.")
RIGHTS = _("This key lacks permission to send messages. Use another key.")
OUR_ADDRESS = _(
    "The service accepts requests from allowed IP addresses only. Add our addresses or turn the restriction off."
)
TOP_UP = _("Top up the account or raise its spending limit at the service.")
TRIAL = _("Trial accounts can send to verified numbers only. Verify the number or upgrade the account.")

# -- too much, too fast -----------------------------------------------------------------------------------------------

SLOW_DOWN = _(
    "The service allows fewer messages per second. We retry automatically; lower the sending rate if "
    "this happens often."
)
QUEUE_FULL = _("The queue at the service is full. We retry automatically.")
DAY_LIMIT = _("Daily limit reached. It resets tomorrow; the service can raise it.")
NUMBER_LIMIT = _("This number has reached the service’s message limit.")
REPEATED = _("The service treated it as a duplicate: same text, same number.")

# -- an open question -------------------------------------------------------------------------------------------------

LOOK_THERE = _("The service has a technical problem. Check the message there before resending.")

# -- the number -------------------------------------------------------------------------------------------------------

NUMBER = _("Check the number in the CRM. It must be a mobile number with a country code.")
NOT_MOBILE = _("This is not a mobile number.")
NOT_IN_USE = _("The number is not in service.")
OPT_OUT = _("The recipient has opted out. Only the recipient can opt in again.")
STOP_LIST = _(
    "The number has opted out at the service. Remove it from the service’s opt-out list if the recipient agrees."
)

# -- the way ----------------------------------------------------------------------------------------------------------

COUNTRY = _("Sending to this country is disabled. Enable the country in the service settings.")
NO_ROUTE = _("The service does not cover this country or operator. Contact the service or use another sender.")
SENDER = _("The service rejected this sender ID. Choose one that is registered there.")
REGISTER_SENDER = _("This sender ID must be registered for the recipient’s country. Register it at the service.")
OPERATOR = _("The operator rejected the message without giving a reason.")
SPAM = _("The operator filtered the message as spam. Change the text or register the sender ID.")
TOO_DEAR = _("The message exceeds the price limit set at the service.")

# -- the message ------------------------------------------------------------------------------------------------------

TEXT = _("The service does not allow this text. Change it or get it approved.")
TEMPLATE = _("The text does not match an approved template. Get it approved or change the text.")
TOO_LONG = _("The text is too long. Shorten it.")
EMPTY = _("The text is empty.")
SETTING = _("The service rejected a value in the request. Check the sender settings.")
OURS = _("The service did not understand the request. Contact Sendline support.")

# -- why it was not delivered -----------------------------------------------------------------------------------------

OFF = _("The phone is turned off or out of coverage. Try again later.")
EXPIRED = _("The phone was not reachable in time.")
FULL = _("The phone’s message storage is full.")
CANNOT = _("The phone can’t receive this type of message.")
STOPPED = _("The message was canceled at the service.")
NO_REASON = _("The service gave no reason. Try again later.")

# -- set-up steps -----------------------------------------------------------------------------------------------------

COPY = _("Copy your credentials")
REPORTS = _("Delivery reports")
REPORTS_COME = _("No setup needed: Sendline sends its URL with every message.")
REPORTS_ASKED = _("No setup needed: Sendline fetches the delivery status.")
REPORTS_PASTE = _("Set this URL for delivery reports at the service: {report_url}")
