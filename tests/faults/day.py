"""One administrator's day with a running application, and the telling secrets that go through it."""

from collections.abc import Callable
from urllib.parse import urljoin

from django.test import override_settings

from b24app.core.signed_urls import sign_address
from b24app.operations.local import visitor
from b24app.operations.local.visitor import Page, Visitor
from tests.faults.house import GATEWAY, House
from tests.faults.keeping import Kept, mac
from tests.faults.leaks import Kind, Sentinel

TWILIO_TOKEN = "tw/+=&\"'<ключ zTwilioToken5e7"
GATEWAY_PASSWORD = "gw/+=&\"'<пароль zGatewayPassword9b1"
WRITTEN_OUT = "zWrittenOutKey4d2"
WRONG_TOKEN = "wrong/+=&\"'<ключ zMistypedToken8c3"
FOREIGN = "zForeignToken6f1"
CREDENTIALS = {
    "the auth token": TWILIO_TOKEN,
    "the core of the auth token": "zTwilioToken5e7",
    "the gateway's password": GATEWAY_PASSWORD,
    "the core of the password": "zGatewayPassword9b1",
    "the mistyped token": WRONG_TOKEN,
    "the core of the mistyped token": "zMistypedToken8c3",
}
NUMBERS = tuple(f"+1202555{ending}" for ending in ("0141", "0142", "0195", "0196", "0197", "0198", "0199"))
AS_WRITTEN = "+1 (202) 555-0143"
TEXTS = (
    'zLatinText3a8: say "code" <b>739 & 114</b> = {"pin": 1}',
    "кодовоеСлово7ж, ваш заказ № 12 готов\nи ждёт",
    "zEmojiText2f9 🚀 l'été – 100 %",
)
TWILIO = {"account-account_sid": "AC" + "5" * 32, "account-auth_token": TWILIO_TOKEN}
OWN = {
    **GATEWAY,
    "account-username": "house",
    "account-password": GATEWAY_PASSWORD,
    "account-login": "basic",
    "account-headers": "X-House: " + WRITTEN_OUT,  # behind a telling name the form would refuse it
    "account-body": '{"to": "{to}", "text": "{text}", "reference": "{reference}", "report_url": "{report_url}",'
    ' "pass": "{password}", "constant": "' + WRITTEN_OUT + '"}',
}


class Day:
    """What is done, in order; `kept` collects on the way what lies about only for a while."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.kept = Kept(house)
        self.tokens: set[str] = set()
        self.macs: set[str] = set()
        self.twilio = self.gateway = self.dead = ""

    # -- what must not be found --

    def sentinels(self) -> list[Sentinel]:
        """All that was pushed through, once the day is over."""
        keys = self._keys()
        several = [
            (Kind.CREDENTIAL, CREDENTIALS | keys | {"the client secret": "sandbox-secret"}),
            (Kind.TOKEN, {f"token {number}": token for number, token in enumerate(sorted(self.tokens))}),
            (Kind.TOKEN, {"the foreign token": FOREIGN}),
            (Kind.ADDRESS, {f"signature {number}": found for number, found in enumerate(sorted(self.macs))}),
            (Kind.NUMBER, {number: number.removeprefix("+1") for number in NUMBERS}),
            (Kind.NUMBER, {"the number as written": AS_WRITTEN, "its digits": "2025550143", "its end": "555-0143"}),
            (Kind.TEXT, {f"text {number}": text for number, text in enumerate(TEXTS)}),
            (Kind.TEXT, {f"start of text {number}": text[:12] for number, text in enumerate(TEXTS)}),
        ]
        return [Sentinel(kind, name, value) for kind, named in several for name, value in named.items()]

    def note(self) -> None:
        """Remember the tokens and signed addresses that are about now."""
        state = self.house.state()
        self.tokens |= {one for token in state["tokens"] for one in (token["access"], token["refresh"]) if one}
        self.tokens.add(state["app"]["token"])
        self.macs |= {mac(one["handler"]) for one in (*state["senders"], *state["handlers"])}
        self.macs |= {mac(entry["callback"]) for entry in self.house.ledger() if entry["callback"]}

        with override_settings(ADDRESS_KEYS=[self._keys()["ADDRESS_KEYS"]]):
            connections = self._all("SELECT replace(uuid::text, '-', '') FROM messaging_connection")
            self.macs |= {sign_address("report", str(one), "-") for one in connections}

    def _keys(self) -> dict[str, str]:
        lines = (self.house.folder / "app" / "env").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines)

    # -- the console --

    def connect(self) -> None:
        """Mistype a credential first, then connect three accounts."""
        alice, home = self.house.open()
        self.kept.page("home before anything", home.text)
        page = alice.get(urljoin(home.url, "senders/connect/twilio/"))
        account = TWILIO | {"account-base_url": self.house.run.sms}
        form = visitor.find_form_with(page, *account)
        self.kept.page("mistyped", alice.submit(page, form, **account | {"account-auth_token": WRONG_TOKEN}).text)
        self.twilio = self._register(lambda: alice.submit(page, form, **account), alice)
        self.gateway = self._own(urljoin(self.house.run.sms, "/gateway/send"))
        self.dead = self._own("http://127.0.0.1:9/send")

    def _own(self, address: str) -> str:
        alice, home = self.house.open()
        page = alice.get(urljoin(home.url, "senders/connect/http/"))
        account = OWN | {"account-url": f"{address}?key={{password}}"}
        preview = visitor.Form(urljoin(page.url, "preview/"))
        self.kept.page("preview", alice.submit(page, preview, **account).text)
        return self._register(lambda: alice.submit(page, visitor.find_form_with(page, "account-url"), **account), alice)

    def _register(self, connect: Callable[[], Page], alice: Visitor) -> str:
        before = set(self.house.codes())
        sender = connect()
        names = {"sender-offer": "", "sender-signature": "Acme", "sender-name_en": "Acme", "sender-name_ru": "Acme"}
        alice.submit(sender, visitor.find_form_with(sender, "sender-signature"), **names)
        self.note()
        return (set(self.house.codes()) - before).pop()

    def walk(self) -> None:
        """Every screen there is, as the administrator."""
        alice, home = self.house.open()
        self.kept.page("home", home.text)
        accounts = [f"senders/accounts/{one}/" for one in self._all("SELECT uuid FROM messaging_connection")]
        senders = [f"senders/{one}/" for one in self._all("SELECT uuid FROM messaging_sender")]
        messages = [f"journal/{one}/" for one in self._all("SELECT reference FROM messaging_message")]
        lists = ["senders/", "senders/connect/", "journal/", "settings/"]
        services = [f"senders/connect/{one}/" for one in ("twilio", "http", "demo")]
        tests = [f"{sender}test/" for sender in senders]
        new = [f"{account}new/" for account in accounts]
        for path in (*lists, *services, *accounts, *new, *senders, *tests, *messages):
            self.kept.page(path, alice.get(urljoin(home.url, path)).text)

    def _all(self, query: str) -> list[object]:
        return [value for (value,) in self.house.sql(query)]
