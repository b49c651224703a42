"""One message all the way, the way a person would send it: install, connect, register, write on the card, watch."""

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
SENDER = {"sender-signature": "Sendline", "sender-name_en": "Sendline demo", "sender-name_ru": "Пробный Sendline"}
Say = Callable[[str, float], None]


class Journey:
    """Drives a running stack; `say` is told what happened, with the unix time it happened."""

    def __init__(self, stack: Stack, say: Say) -> None:
        self._stack = stack
        self._say = say
        self._visitor = Visitor()

    def install(self) -> None:
        """Open the application for the first time as an administrator, up to installFinish."""
        screen = self._open()
        done = self._visitor.submit(screen, visitor.find_form_to(screen, "/install/run/"))
        if "data-install-finish" not in done.text:
            raise UnexpectedPage(f"the installer did not finish: {done.text[:2000]}")
        visitor.call_control(self._control("install_finish"), user=ADMIN)
        visitor.wait_for(lambda: bool(self._state()["app"]["installed"]), "installed", seconds=10)
        self._say("installed in the portal", time.time())

    def connect(self) -> None:
        """Connect the sandbox's SMS service as a Twilio account and save a sender, which registers it."""
        home = self._open()
        credentials = self._visitor.get(urljoin(home.url, "senders/connect/twilio/"))
        account = {**ACCOUNT, "account-base_url": self._stack.sms}
        sender = self._visitor.submit(credentials, visitor.find_form_with(credentials, *account), **account)
        form = visitor.find_form_with(sender, *SENDER)
        self._say("connected to the service", time.time())
        saved = self._visitor.submit(sender, form, **SENDER)
        if not self._state()["senders"]:
            raise UnexpectedPage(f"the portal has no sender: {saved.text[:2000]}")
        self._say("sender registered in the portal", time.time())

    def send(self) -> str:
        """Write an SMS on a CRM card through the first sender; returns its message_id."""
        code = self._state()["senders"][0]["code"]
        message = visitor.call_control(self._control("send"), to=NUMBER, text=TEXT, code=code, author=ADMIN)
        self._say("written on a CRM card", message["created"])
        return str(message["message_id"])

    def follow(self, message_id: str, *, seconds: float = 60) -> None:
        """Wait until the portal says `delivered`, then tell the message's way there."""

        def delivered() -> bool:
            status = self._message(message_id)["status"]
            if status in {"error", "failed", "undelivered"}:
                raise UnexpectedPage(f"the portal says {status}: {self._message(message_id)}")
            return bool(status == "delivered")

        visitor.wait_for(delivered, "the portal says delivered", seconds=seconds)
        for at, words in sorted(self._events(message_id)):
            self._say(words, at)

    def _events(self, message_id: str) -> list[tuple[float, str]]:
        message = self._message(message_id)
        accepted = next(item for item in self._ledger() if item["to"] == NUMBER)
        call, report = message["calls"][0], accepted["reports"][-1]
        told = next(word for word in message["words"] if word["status"] == "delivered")
        return [
            (call["at"], f"the portal called our handler: {call['status']}"),
            (accepted["at"], "accepted by the service"),
            (report["at"], f"delivery report from the service: {report['status']}"),
            (told["at"], "told to the portal: delivered"),
        ]

    def _open(self) -> visitor.Page:
        frame = visitor.call_control(self._control("frame"), user=ADMIN)
        return self._visitor.launch(frame["action"], frame["fields"])

    def _state(self) -> dict[str, Any]:
        found: dict[str, Any] = visitor.fetch_page("GET", self._control("state")).expect(200).json()
        return found

    def _message(self, message_id: str) -> dict[str, Any]:
        found = visitor.fetch_page("GET", self._control("messages")).expect(200).json()["messages"]
        return next(item for item in found if item["message_id"] == message_id)

    def _ledger(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (
            visitor.fetch_page("GET", urljoin(self._stack.sms, "/_/ledger")).expect(200).json()["ledger"]
        )
        return found

    def _control(self, name: str) -> str:
        return urljoin(self._stack.portal, f"/_/{name}")
