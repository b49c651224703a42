"""What to do, in sentences that fit any service; hints use them where nothing of their own would help more.

They are here once, so that they are translated once. A service that knows the very page of its console says that.
"""

from providers.kit.i18n import _

# -- the account ------------------------------------------------------------------------------------------------------

CREDENTIALS = _("Compare the credentials with what the service shows, letter by letter, and save them again.")
SUSPENDED = _("The service has closed or suspended this account. Ask its support.")
RIGHTS = _("This key may not do that. Use one that is allowed to send messages.")
OUR_ADDRESS = _("The service takes calls from listed addresses only. Add ours in its settings, or switch the list off.")
TOP_UP = _("Top up the account, or raise its spending limit, at the service.")
TRIAL = _("A trial account sends to confirmed numbers only. Confirm the number there, or upgrade the account.")

# -- too much, too fast -----------------------------------------------------------------------------------------------

SLOW_DOWN = _("The service takes fewer messages a second. It goes on by itself; lower the rate if this comes often.")
QUEUE_FULL = _("The queue at the service is full. It goes on by itself.")
DAY_LIMIT = _("A daily limit is used up. It opens again tomorrow; the service can raise it.")
NUMBER_LIMIT = _("This number has received as many messages as the service allows for now.")
REPEATED = _("The service took it for a repeat of the same text to the same number.")

# -- an open question -------------------------------------------------------------------------------------------------

LOOK_THERE = _("The service has trouble of its own. Look the message up there before you send it again.")

# -- the number -------------------------------------------------------------------------------------------------------

NUMBER = _("Check the number in the CRM card: a mobile number with its country code is needed.")
NOT_MOBILE = _("This is not a mobile number.")
NOT_IN_USE = _("The number is not in use.")
OPT_OUT = _("The person asked not to receive messages. Only they can allow them again.")
STOP_LIST = _("The number is on the service's own stop list. Take it off there if the person agrees.")

# -- the way ----------------------------------------------------------------------------------------------------------

COUNTRY = _("Sending to this country is switched off. Allow the country in the settings of the service.")
NO_ROUTE = _("The service does not reach this country or operator. Ask it to open the way, or use another sender.")
SENDER = _("The service does not accept this sender. Choose one that is registered there.")
REGISTER_SENDER = _("This sender has to be registered for the country of the number. Register it at the service.")
OPERATOR = _("The operator refused the message and gave no reason.")
SPAM = _("The operator took the message for spam. Change the text, or register the sender.")
TOO_DEAR = _("The message costs more than the limit that is set at the service.")

# -- the message ------------------------------------------------------------------------------------------------------

TEXT = _("The service does not allow this text. Change it, or have it approved there.")
TEMPLATE = _("The text does not match an approved template. Have it approved at the service, or change the text.")
TOO_LONG = _("The text is too long. Shorten it.")
EMPTY = _("The text is empty.")
SETTING = _("The service does not accept a value of the request. Check the settings of the sender.")
OURS = _("The service does not understand our request. Tell whoever runs this application.")

# -- why it was not delivered -----------------------------------------------------------------------------------------

OFF = _("The phone is switched off or out of reach. Try again later.")
EXPIRED = _("The phone was not reached in time.")
FULL = _("The memory of the phone is full.")
CANNOT = _("The phone cannot receive such a message.")
STOPPED = _("The message was stopped at the service.")
NO_REASON = _("The service gave no reason. Try again later.")

# -- set-up steps -----------------------------------------------------------------------------------------------------

COPY = _("Copy the credentials")
REPORTS = _("Delivery reports")
REPORTS_COME = _("Nothing to do: our address goes along with every message.")
REPORTS_ASKED = _("Nothing to do: we ask the service what became of each message.")
REPORTS_PASTE = _("Paste this address at the service as the address for delivery reports: {report_url}")
