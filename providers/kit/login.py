"""Services that want a login before anything else: one token for all processes, renewed when it is refused."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from providers.kit.errors import Uncertain, Unreachable
from providers.kit.memo import Memo
from providers.kit.reply import Reply


@dataclass(frozen=True, slots=True)
class Login:
    """`log_in` asks for a token and returns it with the seconds it may be kept; it may raise `AccountBlocked`."""

    memo: Memo
    credentials: Sequence[str]
    log_in: Callable[[], tuple[str, float]]

    def use(self, ask: Callable[[str], Reply]) -> Reply:
        """Ask with the token; a 401 was surely not taken, so it is asked once more with a fresh one."""
        token = self._get_token()
        reply = ask(token)
        return ask(self._get_token(refused=token)) if reply.status == 401 else reply

    def _get_token(self, refused: str = "") -> str:
        # A token belongs to these credentials: others, being checked, must prove themselves.
        key = hashlib.sha256("\n".join(self.credentials).encode()).hexdigest()
        with self.memo.lock("login"):
            token = self.memo.get(key)
            if not token or token == refused:
                token, seconds = self._fetch_token()
                self.memo.put(key, token, seconds)
        return token

    def _fetch_token(self) -> tuple[str, float]:
        try:
            return self.log_in()
        except Uncertain as trouble:
            # No message was in this request, so none was taken.
            raise Unreachable(trouble.words, code=trouble.code) from None
