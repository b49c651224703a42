"""A Bitrix24 portal and an SMS service to develop, demonstrate and test against; nothing else may import it."""

from b24app.sandbox.box import Sandbox
from b24app.sandbox.delivery import SendRequest
from b24app.sandbox.frames import FrameRefused
from b24app.sandbox.portal import Portal
from b24app.sandbox.switches import MethodError, Switches

__all__ = ["FrameRefused", "MethodError", "Portal", "Sandbox", "SendRequest", "Switches"]
