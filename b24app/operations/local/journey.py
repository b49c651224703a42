"""One message end to end, as a person would send it: install, connect, register, write on the card, watch."""

import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urljoin

from b24app.operations.local import visitor
from b24app.operations.local.stack import Stack
from b24app.operations.local.visitor import UnexpectedPage, Visitor

ADMIN = 1
NUMBER = "+12025550143"
TEXT = "Your table is booked for tonight at seven. See you soon!"
ACCOUNT = {"account-account_sid": "AC" + "0" * 32, "account-auth_token": "token-of-the-sandbox"}
SENDER = {"sender-offer": "", "sender-signature": "Sendline", "sender-name_en": "Sendline demo"}
RUSSIAN = {"sender-name_ru": "Пробный Sendline"}  # a language that is added
Say = Callable[[str, float], None]


class Journey:
    """Drives a running stack; `say` is called with each step and its unix time."""

    def __init__(self, stack: Stack, say: Say) -> None:
        self._stack = stack
        self._say = say
        self._visitor = Visitor()

    def install_app(self) -> None:
        """Open the application for the first time as an administrator, up to installFinish."""
        screen = self._open_app()
        done = self._visitor.submit(screen, visitor.find_form_to(screen, "/install/run/"))
        if "data-install-finish" not in done.text:
            raise UnexpectedPage(f"the installer did not finish: {done.text[:2000]}")
        visitor.call_control(self._control_url("install_finish"), user=ADMIN)
        visitor.wait_for(lambda: bool(self._read_state()["app"]["installed"]), "installed", seconds=10)
        self._say("installed in the portal", time.time())

    def connect_account(self) -> None:
        """Connect the sandbox's SMS service as a Twilio account and save a sender, which registers it."""
        home = self._open_app()
        credentials = self._visitor.get(urljoin(home.url, "senders/connect/twilio/"))
        account = {**ACCOUNT, "account-base_url": self._stack.sms}
        sender = self._visitor.submit(credentials, visitor.find_form_with(credentials, *account), **account)
        form = visitor.find_form_with(sender, "sender-signature", "sender-name_en")
        self._say("connected to the service", time.time())
        saved = self._visitor.submit(sender, form, **SENDER, **RUSSIAN)
        if not self._read_state()["senders"]:
            raise UnexpectedPage(f"the portal has no sender: {saved.text[:2000]}")
        self._say("sender registered in the portal", time.time())

    def send_message(self) -> str:
        """Write an SMS on a CRM card through the first sender; return its message_id."""
        code = self._read_state()["senders"][0]["code"]
        message = visitor.call_control(self._control_url("send"), to=NUMBER, text=TEXT, code=code, author=ADMIN)
        self._say("written on a CRM card", message["created"])
        return str(message["message_id"])

    def follow_message(self, message_id: str, *, seconds: float = 60) -> None:
        """Wait until the portal says `delivered`, then report each step of the message."""

        def is_delivered() -> bool:
            status = self._find_message(message_id)["status"]
            if status in {"error", "failed", "undelivered"}:
                raise UnexpectedPage(f"the portal says {status}: {self._find_message(message_id)}")
            return bool(status == "delivered")

        visitor.wait_for(is_delivered, "the portal says delivered", seconds=seconds)
        for at, text in sorted(self._list_events(message_id)):
            self._say(text, at)

    def _list_events(self, message_id: str) -> list[tuple[float, str]]:
        message = self._find_message(message_id)
        accepted = next(item for item in self._read_ledger() if item["to"] == NUMBER)
        call, report = message["calls"][0], accepted["reports"][-1]
        pushed = next(change for change in message["words"] if change["status"] == "delivered")
        return [
            (call["at"], f"the portal called our handler: {call['status']}"),
            (accepted["at"], "accepted by the service"),
            (report["at"], f"delivery report from the service: {report['status']}"),
            (pushed["at"], "pushed to the portal: delivered"),
        ]

    def _open_app(self) -> visitor.Page:
        frame = visitor.call_control(self._control_url("frame"), user=ADMIN)
        return self._visitor.launch(frame["action"], frame["fields"])

    def _read_state(self) -> dict[str, Any]:
        state: dict[str, Any] = visitor.fetch_page("GET", self._control_url("state")).expect_status(200).json()
        return state

    def _find_message(self, message_id: str) -> dict[str, Any]:
        messages = visitor.fetch_page("GET", self._control_url("messages")).expect_status(200).json()["messages"]
        return next(item for item in messages if item["message_id"] == message_id)

    def _read_ledger(self) -> list[dict[str, Any]]:
        ledger: list[dict[str, Any]] = (
            visitor.fetch_page("GET", urljoin(self._stack.sms, "/_/ledger")).expect_status(200).json()["ledger"]
        )
        return ledger

    def _control_url(self, name: str) -> str:
        return urljoin(self._stack.portal, f"/_/{name}")
