"""AWS: both products on the wire and signed, what their errors mean, and reports that SNS really signed.

The Authorization headers were computed by a script of their own (SigV4 in hmac and hashlib), the signatures of SNS by
`openssl dgst -sha1|-sha256 -sign` with the key of the certificate here; no private key is kept.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

import botocore.auth
import botocore.loaders
import botocore.serialize
import botocore.validate
import pytest
from botocore.model import ServiceModel
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from providers.aws import STATUSES, Aws
from providers.kit.contract import Accepted, Account, Call, Report, Sms, Status
from providers.kit.errors import AccountBlocked, Forged, Rejected, SmsError, Throttled, Uncertain
from providers.kit.testing import FakeHttp, MemoryMemo, Script, make_account, reply

REFERENCE = "0123456789abcdef0123456789abcdef"
SMS = Sms(to="+12025550147", text="Hello", reference=REFERENCE, sender="+12025550100")
NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
EUM = "https://sms-voice.eu-west-1.amazonaws.com/"
SNS = "https://sns.eu-west-1.amazonaws.com/"
PUBLISHED = (
    '<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult><MessageId>m-9</MessageId>'
    "</PublishResult><ResponseMetadata><RequestId>r-1</RequestId></ResponseMetadata></PublishResponse>"
)
ATTRIBUTES = (
    "<GetSMSAttributesResponse><GetSMSAttributesResult><attributes><entry><key>MonthlySpendLimit</key><value>1</value>"
    "</entry><entry><key>DefaultSenderID</key>\n<value>Acme</value></entry></attributes></GetSMSAttributesResult>"
    "<ResponseMetadata><RequestId>r-2</RequestId></ResponseMetadata></GetSMSAttributesResponse>"
)


def make(*replies: Script, **given: str) -> tuple[Aws, FakeHttp]:
    account = make_account(
        Aws,
        **(
            {
                "access_key_id": "AKIDEXAMPLE",
                "secret_access_key": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
                "region": "eu-west-1",
                "configuration_set": "crm",
                "topic_arn": "",
                "session_token": "",
                "base_url": "",
            }
            | given
        ),
    )
    http = FakeHttp(*replies, secrets=Aws.secrets(account))
    return Aws(account, http, MemoryMemo()), http


def sent(http: FakeHttp) -> Any:
    return json.loads(http.asked[0].body)


@pytest.fixture(autouse=True)
def noon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda: NOW.replace(tzinfo=None))


def signed_as(scope: str, headers: str, signature: str) -> str:
    return (
        f"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261125/eu-west-1/{scope}/aws4_request, "
        f"SignedHeaders={headers}, Signature={signature}"
    )


def test_a_message_goes_to_eum_and_is_signed() -> None:
    aws, http = make(reply(json={"MessageId": "m-1"}))

    assert aws.send(SMS) == Accepted(ref="m-1")
    asked = http.asked[0]
    assert (asked.method, asked.url) == ("POST", EUM)
    assert sent(http) == {
        "DestinationPhoneNumber": "+12025550147",
        "OriginationIdentity": "+12025550100",
        "MessageBody": "Hello",
        "MessageType": "TRANSACTIONAL",
        "ConfigurationSetName": "crm",
        "Context": {"reference": REFERENCE},
    }
    assert asked.headers == {
        "Content-Type": "application/x-amz-json-1.0",
        "X-Amz-Target": "PinpointSMSVoiceV2.SendTextMessage",
        "X-Amz-Date": "20261125T120000Z",
        "Authorization": signed_as(
            "sms-voice",
            "content-type;host;x-amz-date;x-amz-target",
            "75cbece5b032247a891c7bb9fec15c2a534538deab5cb7ed8f304cee67d1931d",
        ),
    }
    http.done()


def test_a_session_token_goes_along_and_is_signed() -> None:
    aws, http = make(reply(json={"MessageId": "m-1"}), session_token="AQoDYXdzEXAMPLE")
    aws.send(SMS)

    assert http.asked[0].headers["X-Amz-Security-Token"] == "AQoDYXdzEXAMPLE"
    assert http.asked[0].headers["Authorization"] == signed_as(
        "sms-voice",
        "content-type;host;x-amz-date;x-amz-security-token;x-amz-target",
        "b59269d25cf724b2efe8dcd3d88cc1f7eb3e4cac987b24d98e5e3fa0658f3ff1",
    )
    assert "AQoDYXdzEXAMPLE" not in repr(http.exchanges)


def test_what_is_empty_is_left_out_and_what_the_sender_says_goes_along() -> None:
    options = {"message_type": "PROMOTIONAL", "dlt_entity_id": "E1", "dlt_template_id": "T1"}
    aws, http = make(reply(json={"MessageId": "m-1"}), configuration_set="")
    aws.send(replace(SMS, sender="", options=options))

    assert sent(http) == {
        "DestinationPhoneNumber": "+12025550147",
        "MessageBody": "Hello",
        "MessageType": "PROMOTIONAL",
        "Context": {"reference": REFERENCE},
        "DestinationCountryParameters": {"IN_ENTITY_ID": "E1", "IN_TEMPLATE_ID": "T1"},
    }


def test_a_message_goes_to_sns_and_is_signed() -> None:
    aws, http = make(reply(text=PUBLISHED), product="sns")

    assert aws.send(SMS) == Accepted(ref="m-9")
    asked = http.asked[0]
    assert (asked.method, asked.url) == ("POST", SNS)
    assert parse_qsl(asked.body.decode()) == [
        ("Action", "Publish"),
        ("Version", "2010-03-31"),
        ("PhoneNumber", "+12025550147"),
        ("Message", "Hello"),
        ("MessageAttributes.entry.1.Name", "AWS.SNS.SMS.SMSType"),
        ("MessageAttributes.entry.1.Value.DataType", "String"),
        ("MessageAttributes.entry.1.Value.StringValue", "Transactional"),
        ("MessageAttributes.entry.2.Name", "AWS.MM.SMS.OriginationNumber"),
        ("MessageAttributes.entry.2.Value.DataType", "String"),
        ("MessageAttributes.entry.2.Value.StringValue", "+12025550100"),
    ]
    assert asked.headers == {
        "Content-Type": "application/x-www-form-urlencoded; charset=utf-8",
        "X-Amz-Date": "20261125T120000Z",
        "Authorization": signed_as(
            "sns",
            "content-type;host;x-amz-date",
            "c56092788fb922ca05a02fc4ebdae24227ff6e47d5ec2df5042f1ae66772cdb9",
        ),
    }
    http.done()


def test_a_name_and_the_indian_ids_are_attributes_of_sns() -> None:
    options = {"message_type": "PROMOTIONAL", "dlt_entity_id": "E1", "dlt_template_id": "T1"}
    aws, http = make(reply(text=PUBLISHED), product="sns")
    aws.send(replace(SMS, sender="Acme", options=options))

    form = dict(parse_qsl(http.asked[0].body.decode()))
    told = {
        form[f"MessageAttributes.entry.{nth}.Name"]: form[f"MessageAttributes.entry.{nth}.Value.StringValue"]
        for nth in range(1, 5)
    }
    assert told == {
        "AWS.SNS.SMS.SMSType": "Promotional",
        "AWS.SNS.SMS.SenderID": "Acme",
        "AWS.MM.SMS.EntityId": "E1",
        "AWS.MM.SMS.TemplateId": "T1",
    }


@pytest.mark.parametrize("text", ["", "<MessageId></MessageId>", '{"MessageId": "m-1"}', "<html>"])
def test_a_publication_without_a_receipt_is_uncertain(text: str) -> None:
    aws, _http = make(reply(text=text), product="sns")

    with pytest.raises(Uncertain):
        aws.send(SMS)


def test_another_address_is_asked_in_the_place_of_aws() -> None:
    aws, http = make(reply(json={"MessageId": "m-1"}), base_url="https://aws.example.com/edge/")
    aws.send(SMS)

    assert http.asked[0].url == "https://aws.example.com/edge/"


# --- AWS's own description, as botocore carries it -------------------------------------------------------------------


def model(name: str) -> ServiceModel:
    return ServiceModel(botocore.loaders.Loader().load_service_model(name, "service-2"))


def as_the_sdk_sends(service: str, operation: str, given: dict[str, object]) -> dict[str, Any]:
    """Return what AWS's own client would put on the wire, short of the signature; it also judges what it is given."""
    described = model(service)
    shape = described.operation_model(operation)
    serializer = botocore.serialize.create_serializer(described.metadata["protocol"])
    written: dict[str, Any] = serializer.serialize_to_request(given, shape)
    return written


@pytest.mark.parametrize(
    "options", [{}, {"message_type": "PROMOTIONAL", "dlt_entity_id": "E1", "dlt_template_id": "T1"}]
)
def test_eum_is_asked_as_the_sdk_of_aws_would_ask(options: dict[str, str]) -> None:
    aws, http = make(reply(json={"MessageId": "m-1"}))
    aws.send(replace(SMS, options=options))
    asked = http.asked[0]
    written = as_the_sdk_sends("pinpoint-sms-voice-v2", "SendTextMessage", sent(http))

    assert json.loads(written["body"]) == sent(http)
    assert {name: asked.headers[name] for name in written["headers"]} == written["headers"]
    assert (written["method"], written["url_path"]) == ("POST", "/")


@pytest.mark.parametrize("sender", ["", "Acme", "+12025550100"])
def test_sns_is_asked_as_the_sdk_of_aws_would_ask(sender: str) -> None:
    aws, http = make(reply(text=PUBLISHED), product="sns")
    aws.send(replace(SMS, sender=sender))
    form = dict(parse_qsl(http.asked[0].body.decode()))
    names = sorted(name for name in form if name.endswith(".Name"))
    attributes = {
        form[name]: {"DataType": "String", "StringValue": form[name.replace(".Name", ".Value.StringValue")]}
        for name in names
    }
    given = {"PhoneNumber": form["PhoneNumber"], "Message": form["Message"], "MessageAttributes": attributes}

    assert as_the_sdk_sends("sns", "Publish", given)["body"] == form


@pytest.mark.parametrize(
    ("service", "operation", "given"),
    [
        ("pinpoint-sms-voice-v2", "DescribeSpendLimits", {}),
        ("pinpoint-sms-voice-v2", "DescribePhoneNumbers", {"MaxResults": 100}),
        ("pinpoint-sms-voice-v2", "DescribeSenderIds", {"MaxResults": 100}),
        ("sns", "GetSMSAttributes", {}),
    ],
)
def test_aws_knows_the_questions(service: str, operation: str, given: dict[str, object]) -> None:
    shape = model(service).operation_model(operation).input_shape

    assert botocore.validate.ParamValidator().validate(given, shape).generate_report() == ""
    assert as_the_sdk_sends(service, operation, given)


def test_every_event_of_a_text_is_a_known_word() -> None:
    events = model("pinpoint-sms-voice-v2").shape_for("EventType").enum

    told = {event for event in events if event.startswith(("TEXT_", "RCS_")) and not event.endswith("_ALL")}
    assert told == set(STATUSES)


def test_every_error_of_a_send_is_explained() -> None:
    described = model("pinpoint-sms-voice-v2")
    errors = described.operation_model("SendTextMessage").error_shapes
    # These are told by their reasons, which are common to all operations; what is left over concerns none of ours.
    bare = {shape.name for shape in errors} - {"ServiceQuotaExceededException"}

    assert bare <= set(Aws.hints)


# --- errors --------------------------------------------------------------------------------------------------------

CONFLICT = "com.amazonaws.pinpointsmsvoicev2#ConflictException"


@pytest.mark.parametrize(
    ("status", "body", "kind", "reason", "code"),
    [
        (400, {"__type": "ThrottlingException"}, Throttled, "throttled", "ThrottlingException"),
        (500, {"__type": "InternalServerException"}, Uncertain, "uncertain", "InternalServerException"),
        (503, {"__type": "ServiceUnavailableException"}, Uncertain, "uncertain", "ServiceUnavailableException"),
        (
            400,
            {"__type": "com.amazon.coral.service#UnrecognizedClientException"},
            AccountBlocked,
            "auth",
            "UnrecognizedClientException",
        ),
        (400, {"__type": "InvalidSignatureException"}, AccountBlocked, "auth", "InvalidSignatureException"),
        (403, {"__type": "ExpiredTokenException"}, AccountBlocked, "auth", "ExpiredTokenException"),
        (
            400,
            {"__type": "com.amazon.coral.service#AccessDeniedException"},
            AccountBlocked,
            "auth",
            "AccessDeniedException",
        ),
        (
            400,
            {"__type": "AccessDeniedException", "Reason": "ACCOUNT_DISABLED"},
            AccountBlocked,
            "auth",
            "ACCOUNT_DISABLED",
        ),
        (
            400,
            {"__type": "ServiceQuotaExceededException", "Reason": "MONTHLY_SPEND_LIMIT_REACHED_FOR_TEXT"},
            AccountBlocked,
            "balance",
            "MONTHLY_SPEND_LIMIT_REACHED_FOR_TEXT",
        ),
        (
            400,
            {"__type": CONFLICT, "Reason": "DESTINATION_PHONE_NUMBER_OPTED_OUT"},
            Rejected,
            "opt_out",
            "DESTINATION_PHONE_NUMBER_OPTED_OUT",
        ),
        (
            400,
            {"__type": CONFLICT, "Reason": "DESTINATION_PHONE_NUMBER_NOT_VERIFIED"},
            Rejected,
            "blocked",
            "DESTINATION_PHONE_NUMBER_NOT_VERIFIED",
        ),
        (
            400,
            {"__type": CONFLICT, "Reason": "NO_ORIGINATION_IDENTITIES_FOUND"},
            Rejected,
            "invalid_request",
            "NO_ORIGINATION_IDENTITIES_FOUND",
        ),
        (
            400,
            {
                "__type": "ValidationException",
                "Reason": "FIELD_VALIDATION_FAILED",
                "Fields": [{"Name": "DestinationPhoneNumber", "Message": "bad"}],
            },
            Rejected,
            "invalid_number",
            "DestinationPhoneNumber",
        ),
        (
            400,
            {
                "__type": "ValidationException",
                "Reason": "FIELD_VALIDATION_FAILED",
                "Fields": [{"Name": "MaxPrice", "Message": "bad"}],
            },
            Rejected,
            "invalid_request",
            "FIELD_VALIDATION_FAILED",
        ),
        (
            400,
            {"__type": "ValidationException", "Reason": "SENDER_ID_REQUIRES_REGISTRATION"},
            Rejected,
            "blocked",
            "SENDER_ID_REQUIRES_REGISTRATION",
        ),
        (400, {"__type": "ResourceNotFoundException"}, Rejected, "invalid_request", "ResourceNotFoundException"),
        (400, {"__type": CONFLICT, "Reason": "SOMETHING_NEW"}, Rejected, "rejected", "SOMETHING_NEW"),
    ],
)
def test_an_error_of_eum_is_known_by_its_reason_or_its_name(
    status: int, body: dict[str, object], kind: type[SmsError], reason: str, code: str
) -> None:
    aws, http = make(reply(status, json=body | {"Message": "AWS's words"}))

    with pytest.raises(SmsError) as raised:
        aws.send(SMS)

    assert type(raised.value) is kind
    assert (raised.value.reason, raised.value.code, raised.value.words) == (reason, code, "AWS's words")
    assert len(http.asked) == 1


def test_the_words_of_the_gate_before_eum_are_kept_too() -> None:
    words = "The security token included in the request is invalid."
    aws, _http = make(reply(400, json={"__type": "UnrecognizedClientException", "message": words}))

    with pytest.raises(AccountBlocked) as raised:
        aws.send(SMS)
    assert raised.value.words == words


@pytest.mark.parametrize(
    ("status", "code", "kind", "reason"),
    [
        (429, "Throttled", Throttled, "throttled"),
        (400, "Throttling", Throttled, "throttled"),
        (403, "InvalidClientTokenId", AccountBlocked, "auth"),
        (400, "RequestExpired", AccountBlocked, "auth"),
        (400, "InvalidParameter", Rejected, "invalid_request"),
        (400, "OptedOut", Rejected, "opt_out"),
        (400, "SomethingNew", Rejected, "rejected"),
        (500, "InternalError", Uncertain, "uncertain"),
        (503, "SomethingNew", Uncertain, "uncertain"),
    ],
)
def test_an_error_of_sns_is_known_by_its_code(status: int, code: str, kind: type[SmsError], reason: str) -> None:
    body = (
        f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>AWS&apos;s words &amp; more</Message>"
        "</Error><RequestId>r</RequestId></ErrorResponse>"
    )
    aws, http = make(reply(status, text=body), product="sns")

    with pytest.raises(SmsError) as raised:
        aws.send(SMS)

    assert type(raised.value) is kind
    assert (raised.value.reason, raised.value.code, raised.value.words) == (reason, code, "AWS's words & more")
    assert len(http.asked) == 1


def test_a_known_reason_says_what_to_do_and_where_to_read() -> None:
    aws, _http = make(reply(400, json={"__type": CONFLICT, "Reason": "DESTINATION_PHONE_NUMBER_NOT_VERIFIED"}))

    with pytest.raises(Rejected) as raised:
        aws.send(SMS)
    assert "sandbox" in raised.value.hint
    assert raised.value.link.endswith("apireference_smsvoicev2/API_SendTextMessage.html")


# --- what SNS brings -----------------------------------------------------------------------------------------------

CERTIFICATE = """\
-----BEGIN CERTIFICATE-----
MIIDDzCCAfegAwIBAgIUbzWPvAOtNxYP6MbL9m4aAYiIIOAwDQYJKoZIhvcNAQEL
BQAwFjEUMBIGA1UEAwwLc25zLmV4YW1wbGUwIBcNMjYxMTI1MDM0MDUzWhgPMjEy
NjExMDEwMzQwNTNaMBYxFDASBgNVBAMMC3Nucy5leGFtcGxlMIIBIjANBgkqhkiG
9w0BAQEFAAOCAQ8AMIIBCgKCAQEA72StpI+f1IbbaSHai3ywjV1r+EYoeyaeijck
jk+quhqVNi6R8aKryrHhIPlMRKYyc7Wjm/kgD8Odn8oClA71ufxiDd3gA0MBhvUM
xJe4px5bmgHOEa7/mberPRWp8kQn1Fxd+aaHGXjjPATMjgwUKooLRwzpSyC5IlDs
NhN3AiR8toRKWL75x6Z6bK0ApBaHwsFBhjWdurrnEjPu3eepTE1ztAGL1cevdkWo
JV9cXK3oalqjnhCqZW1U6KU57kofinB92B9yT+eumXjajKRa6iqK7csUYngx1yKU
pO3KhZ7p1SDV00cU3CpSe832Yw6CmS+NA3dra0S9aCCTuC9FFwIDAQABo1MwUTAd
BgNVHQ4EFgQUrPHCpAP4PgqJDzvLsB3turH/M9kwHwYDVR0jBBgwFoAUrPHCpAP4
PgqJDzvLsB3turH/M9kwDwYDVR0TAQH/BAUwAwEB/zANBgkqhkiG9w0BAQsFAAOC
AQEA5NZw3AEPTS+GvL3bV0j+wdPPyXLl/EoJBgTnUnZY0BD/ai9mKDsDsfGpVQ2J
8KhV+Xc4PgJtnWLdfiPXntGlIABUc+PAh+SGWbJudylO5ynjAkKgRRRRmw2Ku1/u
1Hh7BOoF3pTcklQfHjnd2axuLp/whfo2BBI27Fo2KV7Hc5zAeOueUJ+ldfTWc3Or
gwiijndpV5ojJ7vvWF+DABuTPuN/feaRBtoSESZqWd4bdfm2khkp2yaBVuiIBIeD
JKdZdkO80rttXq4mjvORclSUAU5p4rVy2ItTdwyManovQK0JEco6f1P8FzvuFa16
pTse3DOEwIWaqfR9y8B9KuH1UQ==
-----END CERTIFICATE-----
"""
ELLIPTIC = """\
-----BEGIN CERTIFICATE-----
MIIBhDCCASmgAwIBAgIUVqrczdffQ8FW1FQEFEoAe6Q7atAwCgYIKoZIzj0EAwIw
FjEUMBIGA1UEAwwLc25zLmV4YW1wbGUwIBcNMjYxMTI1MDM0MDUzWhgPMjEyNjEx
MDEwMzQwNTNaMBYxFDASBgNVBAMMC3Nucy5leGFtcGxlMFkwEwYHKoZIzj0CAQYI
KoZIzj0DAQcDQgAETZpLCkAFpqXJF1vNgthaPnwn88czoGXaIiXCXE4zkRYqg3E/
ZsZko4hszkQbeW+54k5edrXB8d6lDRdkYIEZRqNTMFEwHQYDVR0OBBYEFCycJ7Xx
TcGo6FwtTZ2QHGpJKndNMB8GA1UdIwQYMBaAFCycJ7XxTcGo6FwtTZ2QHGpJKndN
MA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDSQAwRgIhALar6ssqHluUqC9H
vQWQSeYpn3ZTJEPHK8RGscXcy4AVAiEA5j0+MnJ5Vl+mpU/dYOqrVPqNIdIUwzWt
MRP3cnCp/rs=
-----END CERTIFICATE-----
"""
CERTIFICATE_URL = "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0a1b2c3d4e5f60718293a4b5c6d7e8f9.pem"
EVENT = {
    "eventType": "TEXT_DELIVERED",
    "eventVersion": "1.0",
    "eventTimestamp": 1729099299998,
    "isFinal": True,
    "originationPhoneNumber": "+12025550100",
    "destinationPhoneNumber": "+12025550147",
    "isoCountryCode": "US",
    "messageId": "9539975a-e71f-45f3-b496-8d98dc098a77",
    "messageEncoding": "GSM",
    "messageType": "TRANSACTIONAL",
    "messageStatus": "DELIVERED",
    "messageStatusDescription": "Message has been accepted by phone",
    "context": {"reference": REFERENCE},
    "totalMessageParts": 1,
    "totalMessagePrice": 0.00581,
    "totalCarrierFee": 0.003,
}
BARE = {
    "Type": "Notification",
    "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
    "TopicArn": "arn:aws:sns:us-east-1:123456789012:sms",
    "Message": json.dumps(EVENT),
    "Timestamp": "2026-11-25T12:00:00.000Z",
    "SigningCertURL": CERTIFICATE_URL,
}
V1 = (
    "puTJUGDQKykkWuTX/rVpxKQUa24iFaV3oy6F2LKxLBHgEux8e/3nA5Bkxuuynxw84R5awkb0vSaaVaCuaH7kv0/uOzte9Oj2nq5OHsKF"
    "Hk4O8y3g8Cx6xUVGg3tZMSjUMTsKaTh08lUUM3wY1lq/JOYDvcZ7vSQ3gpUpC9m7ZoHvdAluQbeY4cxdyd/PiXzpjDu+1Yhkm/UGmFAT"
    "BtkFvqzrxOUAZUCNGb14PQm2FQgmuQjCTeh2Ow6pMhaqOzxzAaEJbX/3+UpviRSqKeH3tEO2YU+NNWyjYlX1D2Nt/kr6Q5pGUvdsCthW"
    "GTj+eTqDhGJqewaoPi0LlAZ63wgt1w=="
)
V2 = (
    "sIF3K77BqbNLF3N5ejHH7bTYtDsSs4wpbppLfEPE/6KjQJ+YYTB+4XLYHaWlP2ORnSTFutBYwHCoCl8p027AecDg0WM+yBFefHwD5W8h"
    "SbUrocE6eGvAo/RAdXZPpufWXA09zzPNdI76NiarXM97mDcP0RhEtrORvojLGbUUU2lJdiAGzGE7sTk+ra4r6cawAL8S3vkYrYsy3U6c"
    "AXomULB7R2UDQJScKhOTKAh6fU026YTt0QJ9l61zOZJE8uXP7FT4F7iXdyFRv0VC/UwSvIoLYJX6iyW/eAHdOBAMOiFwXIhbT9fdn4zg"
    "pe6UiIVksElcUsVp2734ER2o10lopg=="
)
WITH_SUBJECT = (
    "6WYjgRnkHi9YsdWpxRNDAAIcIaoUzPx06qg/2X3PKKeKEeaUB4h3dV5w90r6R3Yz8LWCGtGMFzyzJeZMvcVJqAoOWHkEPxqePuUyxCHx"
    "jJiChPDMwxpp1W76IP1Wys9c/1SORw2GOAI5XKrpiVysBxfnfuCPhL4Y7jEr42/tw86k0r5YCu6z2grpVZpik9LLFzhmp7ALeOiNGwoS"
    "QlbIxKt77S5sN8aB0g5fuwV2ujXnniyT5qeyGDmfNu/vsyba9h9DyX+nYSWt0ZOtyglsxnf2+yEfoW/oTZQNnkV3Rf/Vqr/r7VabJTpZ"
    "nNtx7NTbHYOjGuz8Plm+CU2svFW3+w=="
)
OF_CONFIRMATION = (
    "H67AA4p69HS0BtSVzNSjP4UHjNg8MB6qAuqLoZrWGvHfs5X+YaOaEFVmUdNw7RseJAiK6Kvgf1ZeAXzgmoJ+rDeDG8ly728TREeWlchA"
    "7WjJ4dHzO6Jm4g5bVK2GXiF38f3tOoaLDGOXPVjRczUnQlQELW3NbP+LZ3QH8ATYa+0HBr78BD5vKqRioFG6wUu86T0A+i0PLl0WVhST"
    "Q780WV2LY+uznCxvE1bDR9vskOuWWMcWl4z/jpwE5Xuk8CGvr/Wexi6z6MOQITqbnqMpGetu0sEh97bgMHwqpGb99rnO8E2UPHK6wfW0"
    "/AQjNrNqVkj17OLDmUMb85A/wbE7+Q=="
)
FIRST = BARE | {"SignatureVersion": "1", "Signature": V1}
SECOND = BARE | {"SignatureVersion": "2", "Signature": V2}
CONFIRM_URL = (
    "https://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription"
    "&TopicArn=arn:aws:sns:us-east-1:123456789012:sms&Token=2336412f37fb687f"
)
CONFIRMATION = BARE | {
    "Type": "SubscriptionConfirmation",
    "Message": "You have chosen to subscribe.",
    "Token": "2336412f37fb687f",
    "SubscribeURL": CONFIRM_URL,
    "SignatureVersion": "1",
    "Signature": OF_CONFIRMATION,
}


def call(told: Mapping[str, object] | str, after: float = 0.0) -> Call:
    body = told if isinstance(told, str) else json.dumps(told)
    headers = {"Content-Type": "text/plain; charset=UTF-8", "x-amz-sns-message-type": "Notification"}
    return Call(
        method="POST",
        url="https://sms.example.org/r/1",
        query={},
        form={},
        headers=headers,
        body=body.encode(),
        at=NOW.timestamp() + after,
    )


@pytest.mark.parametrize(
    "told",
    [
        FIRST,
        SECOND,
        FIRST | {"SigningCertURL": CERTIFICATE_URL.replace("us-east-1", "us-gov-west-1")},
        SECOND | {"Subject": "A subject", "Signature": WITH_SUBJECT},
        CONFIRMATION,
    ],
    ids=["sha1", "sha256", "another region", "with a subject", "confirmation"],
)
def test_a_signature_by_the_key_of_the_certificate_is_good(told: dict[str, str]) -> None:
    aws, http = make(reply(text=CERTIFICATE))

    aws.verify(call(told))
    assert [(asked.method, asked.url) for asked in http.asked] == [("GET", told["SigningCertURL"])]
    assert "Authorization" not in http.asked[0].headers


def test_a_certificate_is_fetched_once_a_day() -> None:
    aws, http = make(reply(text=CERTIFICATE))
    aws.verify(call(FIRST))
    aws.verify(call(SECOND))

    assert len(http.asked) == 1
    assert isinstance(aws.memo, MemoryMemo)
    assert aws.memo.seconds == {CERTIFICATE_URL: 86400.0}


@pytest.mark.parametrize(
    "told",
    [
        SECOND | {"Message": json.dumps(EVENT | {"eventType": "TEXT_BLOCKED"})},
        SECOND | {"MessageId": "another"},
        SECOND | {"TopicArn": "arn:aws:sns:us-east-1:123456789012:another"},
        SECOND | {"Timestamp": "2026-11-25T12:00:00.001Z"},
        SECOND | {"Subject": "added"},
        SECOND | {"Signature": V1},
        SECOND | {"Signature": V2[:-6] + "AAAA=="},
        SECOND | {"Signature": ""},
        SECOND | {"Signature": "ключ"},
        FIRST | {"SignatureVersion": "2"},
        CONFIRMATION | {"Type": "UnsubscribeConfirmation"},
        CONFIRMATION | {"SubscribeURL": CONFIRM_URL + "x"},
    ],
)
def test_anything_changed_is_forged(told: dict[str, str]) -> None:
    aws, http = make(reply(text=CERTIFICATE))

    with pytest.raises(Forged):
        aws.verify(call(told))
    assert len(http.asked) == 1


@pytest.mark.parametrize(
    "told",
    [
        "",
        "[]",
        "no JSON",
        {},
        SECOND | {"Type": "Something"},
        SECOND | {"Type": None},
        SECOND | {"SignatureVersion": "3"},
        SECOND | {"Timestamp": "2026-11-25T10:54:59.000Z"},
        SECOND | {"Timestamp": "2026-11-25T13:05:01.000Z"},
        SECOND | {"Timestamp": "yesterday"},
        *(
            SECOND | {"SigningCertURL": url}
            for url in (
                "",
                "http://sns.us-east-1.amazonaws.com/SimpleNotificationService-0a.pem",
                "https://sns.us-east-1.amazonaws.com.example.com/SimpleNotificationService-0a.pem",
                "https://sns.us-east-1.amazonaws.com@example.com/SimpleNotificationService-0a.pem",
                "https://evil.example.com/SimpleNotificationService-0a.pem",
                "https://sns.evil.us-east-1.amazonaws.com/SimpleNotificationService-0a.pem",
                "https://my-bucket.s3.amazonaws.com/SimpleNotificationService-0a.pem",
                "https://sns.us-east-1.amazonaws.com:8443/SimpleNotificationService-0a.pem",
                "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0a.pem?x=1",
                "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0a.pem\n",
                "https://sns.us-east-1.amazonaws.com/../x/SimpleNotificationService-0a.pem",
                "https://sns.us-east-1.amazonaws.com/?Action=Publish",
            )
        ),
    ],
)
def test_a_stranger_is_forged_before_anything_is_fetched(told: Mapping[str, object] | str) -> None:
    aws, http = make()

    with pytest.raises(Forged):
        aws.verify(call(told))
    assert http.asked == []


def test_an_hour_of_repeats_is_not_too_old() -> None:
    make(reply(text=CERTIFICATE))[0].verify(call(SECOND, after=3900))

    with pytest.raises(Forged):
        make(reply(text=CERTIFICATE))[0].verify(call(SECOND, after=3901))


def test_only_the_topic_of_the_account_is_heard_where_it_is_named() -> None:
    make(reply(text=CERTIFICATE), topic_arn=BARE["TopicArn"])[0].verify(call(SECOND))

    aws, http = make(topic_arn="arn:aws:sns:us-east-1:210987654321:sms")
    with pytest.raises(Forged):
        aws.verify(call(SECOND))
    assert http.asked == []


@pytest.mark.parametrize("answer", [reply(404), reply(403, text="no"), reply(text="<html>"), reply(text=ELLIPTIC)])
def test_what_is_no_certificate_of_sns_proves_nothing(answer: Script) -> None:
    aws, _http = make(answer)

    with pytest.raises(Forged):
        aws.verify(call(SECOND))
    assert isinstance(aws.memo, MemoryMemo)
    assert aws.memo.values == {}


def test_trouble_at_aws_is_not_held_against_the_call() -> None:
    aws, _http = make(reply(503))

    with pytest.raises(Uncertain):
        aws.verify(call(SECOND))


def test_a_certificate_that_has_run_out_proves_nothing() -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.example")])
    signed = "".join(f"{field}\n{BARE[field]}\n" for field in ("Message", "MessageId", "Timestamp", "TopicArn", "Type"))
    signature = key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    told = SECOND | {"Signature": base64.b64encode(signature).decode()}

    def lasting(until: timedelta) -> str:
        now = datetime.now(UTC)
        builder = x509.CertificateBuilder(name, name, key.public_key(), 7, now - timedelta(days=9), now + until)
        return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()

    make(reply(text=lasting(timedelta(hours=1))))[0].verify(call(told))
    with pytest.raises(Forged):
        make(reply(text=lasting(timedelta(seconds=-1))))[0].verify(call(told))


def test_a_subscription_is_confirmed_and_its_token_not_kept() -> None:
    aws, http = make(reply(text="<ConfirmSubscriptionResponse/>"))

    assert aws.read_reports(call(CONFIRMATION)) == []
    assert [(asked.method, asked.url) for asked in http.asked] == [("GET", CONFIRM_URL)]
    assert "2336412f37fb687f" not in repr(http.exchanges)
    http.done()


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example.com/?Action=ConfirmSubscription&Token=1",
        "http://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription&Token=1",
        "https://sns.us-east-1.amazonaws.com.example.com/?Action=ConfirmSubscription&Token=1",
        "https://sns.us-east-1.amazonaws.com/?Action=DeleteTopic&Token=1",
        "https://sns.us-east-1.amazonaws.com/x?Action=ConfirmSubscription&Token=1",
        "",
    ],
)
def test_only_sns_is_told_so(url: str) -> None:
    aws, http = make()

    with pytest.raises(Forged):
        aws.read_reports(call(CONFIRMATION | {"SubscribeURL": url}))
    assert http.asked == []


def test_a_confirmation_that_aws_could_not_take_is_tried_again_and_a_refused_one_is_not() -> None:
    with pytest.raises(Uncertain):
        make(reply(500))[0].read_reports(call(CONFIRMATION))

    assert make(reply(400, text="<Code>InvalidParameter</Code>"))[0].read_reports(call(CONFIRMATION)) == []


def test_an_event_is_a_report_with_its_whole_price() -> None:
    aws, http = make()

    assert aws.read_reports(call(SECOND)) == [
        Report(
            ref="9539975a-e71f-45f3-b496-8d98dc098a77",
            reference=REFERENCE,
            recipient="+12025550147",
            status=Status.DELIVERED,
            word="TEXT_DELIVERED",
            price=Decimal("0.00881"),
            currency="USD",
        )
    ]
    assert http.asked == []


@pytest.mark.parametrize(
    ("word", "status", "code", "reason"),
    [
        ("TEXT_QUEUED", Status.QUEUED, "", ""),
        ("TEXT_SENT", Status.SENT, "", ""),
        ("TEXT_DELIVERED", Status.DELIVERED, "", ""),
        ("TEXT_UNREACHABLE", Status.UNDELIVERED, "TEXT_UNREACHABLE", ""),
        ("TEXT_CARRIER_UNREACHABLE", Status.UNDELIVERED, "TEXT_CARRIER_UNREACHABLE", ""),
        ("TEXT_TTL_EXPIRED", Status.UNDELIVERED, "TEXT_TTL_EXPIRED", ""),
        ("TEXT_UNKNOWN", Status.SENT, "TEXT_UNKNOWN", ""),
        ("TEXT_INVALID", Status.FAILED, "TEXT_INVALID", "invalid_number"),
        ("TEXT_INVALID_MESSAGE", Status.FAILED, "TEXT_INVALID_MESSAGE", "invalid_request"),
        ("TEXT_BLOCKED", Status.FAILED, "TEXT_BLOCKED", "blocked"),
        ("TEXT_CARRIER_BLOCKED", Status.FAILED, "TEXT_CARRIER_BLOCKED", "blocked"),
        ("TEXT_SPAM", Status.FAILED, "TEXT_SPAM", "blocked"),
        ("TEXT_PROTECT_BLOCKED", Status.FAILED, "TEXT_PROTECT_BLOCKED", "blocked"),
        ("TEXT_TELEPORTED", None, "", ""),
        ("VOICE_COMPLETED", None, "", ""),
    ],
)
def test_a_word_becomes_a_status_and_an_unknown_one_none(
    word: str, status: Status | None, code: str, reason: str
) -> None:
    event = {"eventType": word, "messageId": "m-1", "totalMessagePrice": 0.0, "totalCarrierFee": 0.0}

    assert make()[0].read_reports(call(BARE | {"Message": json.dumps(event)})) == [
        Report(ref="m-1", status=status, word=word, code=code, reason=reason)
    ]
    assert not code or Aws.hints[code].text


@pytest.mark.parametrize(
    "message",
    [
        "not JSON",
        "[" * 9999,
        "[]",
        json.dumps({"eventType": "TEXT_SENT"}),
        json.dumps({"messageId": "m-1"}),
        json.dumps({"messageId": 7, "eventType": ["TEXT_SENT"]}),
        json.dumps({"originationNumber": "+12025550147", "messageBody": "Yes", "inboundMessageId": "i-1"}),
    ],
)
def test_a_message_that_is_no_event_says_nothing(message: str) -> None:
    assert make()[0].read_reports(call(BARE | {"Message": message})) == []


@pytest.mark.parametrize("price", ["1e999", "NaN", "true", '"0.5"', "null", "{}"])
def test_a_price_that_is_none_is_left_out(price: str) -> None:
    message = f'{{"eventType": "TEXT_SENT", "messageId": "m-1", "totalMessagePrice": {price}}}'

    assert make()[0].read_reports(call(BARE | {"Message": message})) == [
        Report(ref="m-1", status=Status.SENT, word="TEXT_SENT")
    ]


def test_the_end_of_a_subscription_says_nothing() -> None:
    aws, http = make()

    assert aws.read_reports(call(CONFIRMATION | {"Type": "UnsubscribeConfirmation"})) == []
    assert http.asked == []


# --- questions -----------------------------------------------------------------------------------------------------


def test_a_check_asks_for_the_spend_limits() -> None:
    limits = [{"Name": "TEXT_MESSAGE_MONTHLY_SPEND_LIMIT", "EnforcedLimit": 1, "MaxLimit": 1, "Overridden": False}]
    aws, http = make(reply(json={"SpendLimits": limits}))

    assert aws.check() == Account(label="eu-west-1")
    assert http.asked[0].headers["X-Amz-Target"] == "PinpointSMSVoiceV2.DescribeSpendLimits"
    assert sent(http) == {}


def test_a_check_of_sns_asks_for_the_attributes() -> None:
    aws, http = make(reply(text=ATTRIBUTES), product="sns")

    assert aws.check() == Account(label="eu-west-1")
    assert http.asked[0].body == b"Action=GetSMSAttributes&Version=2010-03-31"


def test_a_key_without_rights_is_told_which_it_needs() -> None:
    aws, _http = make(reply(400, json={"__type": "AccessDeniedException", "Message": "not authorized to perform"}))

    with pytest.raises(AccountBlocked) as raised:
        aws.check()
    assert "sms-voice:Describe*" in raised.value.hint


def test_senders_are_active_numbers_for_sms_and_each_name_once() -> None:
    numbers = [
        {"PhoneNumber": "+12025550100", "Status": "ACTIVE", "NumberCapabilities": ["SMS", "VOICE"]},
        {"PhoneNumber": "+12025550101", "Status": "PENDING", "NumberCapabilities": ["SMS"]},
        {"PhoneNumber": "+12025550102", "Status": "ACTIVE", "NumberCapabilities": ["VOICE"]},
        {"PhoneNumber": "+12025550103", "Status": "ACTIVE"},
        "odd",
    ]
    names = [{"SenderId": "Acme", "IsoCountryCode": "GB"}, {"SenderId": "Acme", "IsoCountryCode": "FR"}, {}]
    aws, http = make(reply(json={"PhoneNumbers": numbers}), reply(json={"SenderIds": names}))

    assert aws.senders() == ["+12025550100", "Acme"]
    assert [asked.headers["X-Amz-Target"].partition(".")[2] for asked in http.asked] == [
        "DescribePhoneNumbers",
        "DescribeSenderIds",
    ]
    assert sent(http) == {"MaxResults": 100}
    http.done()


@pytest.mark.parametrize(("text", "senders"), [(ATTRIBUTES, ["Acme"]), ("<GetSMSAttributesResult/>", [])])
def test_sns_knows_its_default_name_only(text: str, senders: list[str]) -> None:
    aws, _http = make(reply(text=text), product="sns")

    assert aws.senders() == senders
