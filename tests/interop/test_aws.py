"""The AWS service against moto's server: SNS from the signature to the receipt, with real sockets and real rights.

moto computes the signature over what it received and compares it, and looks the rights up in its own IAM. It does not
know End User Messaging (`pinpoint-sms-voice-v2`), so that is held against AWS's own description of it, as botocore
carries it, in tests/providers/test_aws.py; and moto's notifications carry no valid signature, so neither is the way of
a report tried here.
"""

import json
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import botocore.session
import pytest

from providers.aws import Aws
from providers.kit.contract import Account, Sms
from providers.kit.errors import AccountBlocked, Rejected, SmsError
from providers.kit.http import Exchange, Http
from providers.kit.testing import MemoryMemo, make_account
from tests.interop import tools

pytestmark = pytest.mark.interop

REGION = "eu-west-1"
SMS = Sms(to="+12025550147", text="Hello «мир» & more", reference="0123456789abcdef0123456789abcdef", sender="Acme")
ALLOWED = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sns:*", "Resource": "*"}]}


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    """Yield the address of a server that asks for rights as soon as it is told to."""
    server = tools.venv("moto", "moto[server]==5.2.5") / "moto_server"
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    command = [str(server), "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _try in range(300):
            with closing(socket.socket()) as wire:
                if wire.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture
def key(moto: str) -> Iterator[dict[str, str]]:
    """Yield the access key of a user who may send through SNS; from here on every request has to prove itself."""
    iam = client("iam", moto)
    iam.create_user(UserName="sendline")
    iam.put_user_policy(UserName="sendline", PolicyName="sms", PolicyDocument=json.dumps(ALLOWED))
    made = iam.create_access_key(UserName="sendline")["AccessKey"]
    ask_for_rights(moto, "0")
    yield {"access_key_id": made["AccessKeyId"], "secret_access_key": made["SecretAccessKey"]}
    ask_for_rights(moto, "inf")
    iam.delete_access_key(UserName="sendline", AccessKeyId=made["AccessKeyId"])
    iam.delete_user_policy(UserName="sendline", PolicyName="sms")
    iam.delete_user(UserName="sendline")


def client(service: str, moto: str) -> Any:
    session = botocore.session.get_session()
    keys = {"aws_access_key_id": "x", "aws_secret_access_key": "x"}
    return session.create_client(service, region_name=REGION, endpoint_url=moto, **keys)


def ask_for_rights(moto: str, after: str) -> None:
    unheard: list[Exchange] = []
    door = Http(unheard.append, private_networks=["127.0.0.0/8"])
    assert door.post(f"{moto}/moto-api/reset-auth", body=after).ok
    door.close()


def made(moto: str, exchanges: list[Exchange], **given: str) -> Aws:
    fixed = {"product": "sns", "region": REGION, "base_url": moto, "session_token": ""}
    account = make_account(Aws, **(fixed | given))
    http = Http(exchanges.append, secrets=Aws.secrets(account), private_networks=["127.0.0.0/8"])
    return Aws(account, http, MemoryMemo())


def test_a_message_is_taken_by_its_signature(moto: str, key: dict[str, str]) -> None:
    exchanges: list[Exchange] = []
    aws = made(moto, exchanges, **key)

    assert aws.send(SMS).ref
    assert aws.send(Sms(to=SMS.to, text="1", reference=SMS.reference, sender="+12025550100")).ref
    assert [(exchange.method, exchange.status) for exchange in exchanges] == [("POST", 200), ("POST", 200)]
    assert key["secret_access_key"] not in repr(exchanges)
    aws.http.close()


def test_a_check_and_the_senders_come_from_the_attributes(moto: str, key: dict[str, str]) -> None:
    aws = made(moto, [], **key)
    assert aws.senders() == []

    ask_for_rights(moto, "inf")
    client("sns", moto).set_sms_attributes(attributes={"DefaultSenderID": "Acme"})
    ask_for_rights(moto, "0")
    assert aws.check() == Account(label=REGION)
    assert aws.senders() == ["Acme"]
    aws.http.close()


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"secret_access_key": "another"}, "SignatureDoesNotMatch"),
        ({"access_key_id": "AKIANOBODY"}, "InvalidClientTokenId"),
        ({"session_token": "stale"}, "InvalidClientTokenId"),
    ],
)
def test_a_wrong_key_stops_the_account(moto: str, key: dict[str, str], given: dict[str, str], code: str) -> None:
    aws = made(moto, [], **(key | given))

    for ask in (lambda: aws.send(SMS), aws.check, aws.senders):
        with pytest.raises(AccountBlocked) as raised:
            ask()
        assert (raised.value.code, raised.value.reason, bool(raised.value.hint)) == (code, "auth", True)
    aws.http.close()


def test_a_key_without_rights_stops_the_account(moto: str, key: dict[str, str]) -> None:
    ask_for_rights(moto, "inf")
    client("iam", moto).put_user_policy(
        UserName="sendline",
        PolicyName="sms",
        PolicyDocument=json.dumps(
            {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]}
        ),
    )
    ask_for_rights(moto, "0")
    aws = made(moto, [], **key)

    with pytest.raises(AccountBlocked) as raised:
        aws.send(SMS)
    assert raised.value.code in {"AccessDenied", "AuthorizationError"}
    assert "sns:Publish" in raised.value.hint
    aws.http.close()


def test_what_moto_refuses_is_rejected_with_its_words(moto: str, key: dict[str, str]) -> None:
    aws = made(moto, [], **key)

    with pytest.raises(SmsError) as raised:
        aws.send(Sms(to="+1202555014x", text="Hello", reference=SMS.reference))
    assert type(raised.value) is Rejected
    assert (raised.value.code, raised.value.reason) == ("InvalidParameter", "invalid_request")
    assert raised.value.words
    aws.http.close()
