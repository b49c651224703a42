"""A Bitrix24 portal and an SMS service to develop, demonstrate and test against; nothing else may import it."""

from b24app.sandbox.box import Sandbox
from b24app.sandbox.delivery import Wish
from b24app.sandbox.frames import Refused
from b24app.sandbox.portal import Portal
from b24app.sandbox.switches import MethodError, Switches

__all__ = ["MethodError", "Portal", "Refused", "Sandbox", "Switches", "Wish"]
