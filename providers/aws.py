"""Amazon Web Services: End User Messaging SMS (EUM), and SNS for accounts that send with it already.

API:     https://docs.aws.amazon.com/pinpoint/latest/apireference_smsvoicev2/API_SendTextMessage.html
Sandbox: a new account is in AWS's own sandbox, which sends to confirmed numbers and has simulator numbers
Checked: 2026-11-25 against the service models of botocore 1.44.8 and docs.aws.amazon.com (EUM event data, event
         types, SNS verifying signatures, delivery retries), read again 2026-11-25; a live account UNVERIFIED; see
         docs/services/aws.md
"""

import html
import json
import logging
import re
from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any
from urllib.parse import urlencode

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from providers.kit import advice
from providers.kit.contract import (
    Accepted,
    Account,
    Call,
    Provider,
    Report,
    Reports,
    Scope,
    Sms,
    Status,
)
from providers.kit.errors import Forged, Hint, Reason
from providers.kit.fields import Choice, Secret, Step, Text, Url
from providers.kit.http import Reply
from providers.kit.i18n import _
from providers.kit.listing import Colour, Listing, Mark
from providers.kit.reply import text_at, value_at
from providers.kit.sns import CERTIFICATE_URL, SUBSCRIBE_URL, read_envelope, read_public_key, verify_envelope

# botocore writes every request it signs to its debug log, the session token included.
logging.getLogger("botocore").setLevel(logging.CRITICAL)

REGIONS = (
    ("us-east-1", "us-east-1 US East (N. Virginia)"),
    ("us-east-2", "us-east-2 US East (Ohio)"),
    ("us-west-1", "us-west-1 US West (N. California)"),
    ("us-west-2", "us-west-2 US West (Oregon)"),
    ("us-gov-east-1", "us-gov-east-1 GovCloud (US-East)"),
    ("us-gov-west-1", "us-gov-west-1 GovCloud (US-West)"),
    ("ca-central-1", "ca-central-1 Canada (Central)"),
    ("ca-west-1", "ca-west-1 Canada West (Calgary)"),
    ("mx-central-1", "mx-central-1 Mexico (Central)"),
    ("sa-east-1", "sa-east-1 South America (São Paulo)"),
    ("eu-central-1", "eu-central-1 Europe (Frankfurt)"),
    ("eu-central-2", "eu-central-2 Europe (Zurich)"),
    ("eu-north-1", "eu-north-1 Europe (Stockholm)"),
    ("eu-south-1", "eu-south-1 Europe (Milan)"),
    ("eu-south-2", "eu-south-2 Europe (Spain)"),
    ("eu-west-1", "eu-west-1 Europe (Ireland)"),
    ("eu-west-2", "eu-west-2 Europe (London)"),
    ("eu-west-3", "eu-west-3 Europe (Paris)"),
    ("af-south-1", "af-south-1 Africa (Cape Town)"),
    ("il-central-1", "il-central-1 Israel (Tel Aviv)"),
    ("me-central-1", "me-central-1 Middle East (UAE)"),
    ("me-south-1", "me-south-1 Middle East (Bahrain)"),
    ("ap-east-2", "ap-east-2 Asia Pacific (Taipei)"),
    ("ap-northeast-1", "ap-northeast-1 Asia Pacific (Tokyo)"),
    ("ap-northeast-2", "ap-northeast-2 Asia Pacific (Seoul)"),
    ("ap-northeast-3", "ap-northeast-3 Asia Pacific (Osaka)"),
    ("ap-south-1", "ap-south-1 Asia Pacific (Mumbai)"),
    ("ap-south-2", "ap-south-2 Asia Pacific (Hyderabad)"),
    ("ap-southeast-1", "ap-southeast-1 Asia Pacific (Singapore)"),
    ("ap-southeast-2", "ap-southeast-2 Asia Pacific (Sydney)"),
    ("ap-southeast-3", "ap-southeast-3 Asia Pacific (Jakarta)"),
    ("ap-southeast-4", "ap-southeast-4 Asia Pacific (Melbourne)"),
    ("ap-southeast-6", "ap-southeast-6 Asia Pacific (New Zealand)"),
)

STATUSES = {
    "TEXT_QUEUED": Status.QUEUED,
    "TEXT_PENDING": Status.QUEUED,
    "TEXT_SENT": Status.SENT,
    "TEXT_SUCCESSFUL": Status.SENT,
    "TEXT_DELIVERED": Status.DELIVERED,
    "TEXT_UNREACHABLE": Status.UNDELIVERED,
    "TEXT_CARRIER_UNREACHABLE": Status.UNDELIVERED,
    "TEXT_TTL_EXPIRED": Status.UNDELIVERED,
    "TEXT_UNKNOWN": Status.SENT,  # after 72 hours without a word of the operator
    "TEXT_INVALID": Status.FAILED,
    "TEXT_INVALID_MESSAGE": Status.FAILED,
    "TEXT_BLOCKED": Status.FAILED,
    "TEXT_CARRIER_BLOCKED": Status.FAILED,
    "TEXT_SPAM": Status.FAILED,
    "TEXT_PROTECT_BLOCKED": Status.FAILED,
    "RCS_QUEUED": Status.QUEUED,
    "RCS_SENT": Status.SENT,
    "RCS_DELIVERED": Status.DELIVERED,
    "RCS_READ": Status.DELIVERED,
    "RCS_FALLEN_BACK_TO_SMS": Status.QUEUED,
    "RCS_TTL_EXPIRED": Status.UNDELIVERED,
    "RCS_FAILED": Status.FAILED,
    "RCS_PROTECT_BLOCKED": Status.FAILED,
}

_PROTECTED = _(
    "Blocked by a protect configuration. Change its rules in the AWS End User Messaging console "
    "under Protect configurations."
)
_SANDBOX = _("The account is in the AWS sandbox. Verify the recipient number there, or request to leave the sandbox.")
_CLOCK = _("AWS rejected the request time: the server clock is wrong. Contact Sendline support.")
_IAM = _(
    "The key needs these IAM permissions: sms-voice:SendTextMessage and sms-voice:Describe*, or for "
    "SNS sns:Publish and sns:GetSMSAttributes."
)
_RESOURCE = _("AWS found no sender or configuration set with this name in this region.")

# A code is the reason that EUM gives or, where it gives none, the name of the exception; SNS has codes of its own.
_CODES: Mapping[str, tuple[Reason, str]] = {
    "ThrottlingException": ("throttled", advice.SLOW_DOWN),
    "Throttled": ("throttled", advice.SLOW_DOWN),
    "Throttling": ("throttled", advice.SLOW_DOWN),
    "TooManyRequestsException": ("throttled", advice.SLOW_DOWN),
    "RequestLimitExceeded": ("throttled", advice.SLOW_DOWN),
    "DAILY_NOTIFY_TIER_MESSAGE_LIMIT": ("throttled", advice.DAY_LIMIT),
    "InternalServerException": ("uncertain", advice.LOOK_THERE),
    "InternalError": ("uncertain", advice.LOOK_THERE),
    "InternalFailure": ("uncertain", advice.LOOK_THERE),
    "ServiceUnavailableException": ("uncertain", advice.LOOK_THERE),
    "ServiceUnavailable": ("uncertain", advice.LOOK_THERE),
    "UnrecognizedClientException": ("auth", advice.CREDENTIALS),
    "InvalidSignatureException": ("auth", advice.CREDENTIALS),
    "IncompleteSignatureException": ("auth", advice.CREDENTIALS),
    "MissingAuthenticationTokenException": ("auth", advice.CREDENTIALS),
    "InvalidClientTokenId": ("auth", advice.CREDENTIALS),
    "SignatureDoesNotMatch": ("auth", advice.CREDENTIALS),
    "IncompleteSignature": ("auth", advice.CREDENTIALS),
    "MissingAuthenticationToken": ("auth", advice.CREDENTIALS),
    "InvalidSecurity": ("auth", advice.CREDENTIALS),
    "ExpiredTokenException": ("auth", advice.CREDENTIALS),
    "ExpiredToken": ("auth", advice.CREDENTIALS),
    "RequestExpired": ("auth", _CLOCK),
    "AccessDeniedException": ("auth", _IAM),
    "NotAuthorized": ("auth", _IAM),
    "AccessDenied": ("auth", _IAM),
    "AuthorizationError": ("auth", _IAM),
    "OptInRequired": ("auth", advice.SUSPENDED),
    "INSUFFICIENT_ACCOUNT_REPUTATION": ("auth", advice.SUSPENDED),
    "ACCOUNT_DISABLED": ("auth", advice.SUSPENDED),
    "MONTHLY_SPEND_LIMIT_REACHED_FOR_TEXT": ("balance", advice.TOP_UP),
    "MONTHLY_SPEND_LIMIT_REACHED_FOR_RCS": ("balance", advice.TOP_UP),
    "MONTHLY_SPEND_LIMIT_REACHED_FOR_NOTIFY": ("balance", advice.TOP_UP),
    "DESTINATION_PHONE_NUMBER_OPTED_OUT": ("opt_out", advice.OPT_OUT),
    "OptedOut": ("opt_out", advice.OPT_OUT),
    "DestinationPhoneNumber": ("invalid_number", advice.NUMBER),
    "DESTINATION_PHONE_NUMBER_NOT_VERIFIED": ("blocked", _SANDBOX),
    "VerificationException": ("blocked", _SANDBOX),
    "DESTINATION_COUNTRY_BLOCKED_BY_PROTECT_CONFIGURATION": ("blocked", _PROTECTED),
    "DESTINATION_PHONE_NUMBER_BLOCKED_BY_PROTECT_NUMBER_OVERRIDE": ("blocked", _PROTECTED),
    "COUNTRY_NOT_ENABLED": ("blocked", advice.COUNTRY),
    "DESTINATION_COUNTRY_BLOCKED": ("blocked", advice.COUNTRY),
    "COUNTRY_CODE_MISMATCH": ("blocked", advice.NO_ROUTE),
    "INTERNATIONAL_SENDING_NOT_SUPPORTED": ("blocked", advice.NO_ROUTE),
    "INVALID_IDENTITY_FOR_DESTINATION_COUNTRY": ("blocked", advice.NO_ROUTE),
    "SENDER_ID_NOT_SUPPORTED": ("blocked", advice.NO_ROUTE),
    "SENDER_ID_REQUIRES_REGISTRATION": ("blocked", advice.REGISTER_SENDER),
    "SENDER_ID_NOT_REGISTERED": ("blocked", advice.REGISTER_SENDER),
    "REGISTRATION_NOT_COMPLETE": ("blocked", advice.REGISTER_SENDER),
    "PRICE_OVER_THRESHOLD": ("blocked", advice.TOO_DEAR),
    "NO_ORIGINATION_IDENTITIES_FOUND": ("invalid_request", advice.SENDER),
    "NUMBER_CAPABILITIES_MISMATCH": ("invalid_request", advice.SENDER),
    "MESSAGE_TYPE_MISMATCH": ("invalid_request", advice.SENDER),
    "RESOURCE_NOT_ACTIVE": ("invalid_request", advice.SENDER),
    "KEYWORD_MISMATCH": ("invalid_request", advice.SENDER),
    "RESOURCE_NOT_ACCESSIBLE": ("invalid_request", _RESOURCE),
    "INVALID_ARN": ("invalid_request", _RESOURCE),
    "ResourceNotFoundException": ("invalid_request", _RESOURCE),
    "MAXIMUM_SIZE_EXCEEDED": ("invalid_request", advice.TOO_LONG),
    "CHANNEL_NOT_ENABLED": ("invalid_request", advice.SETTING),
    "FIELD_VALIDATION_FAILED": ("invalid_request", advice.SETTING),
    "INVALID_PARAMETER": ("invalid_request", advice.SETTING),
    "PARAMETERS_CANNOT_BE_USED_TOGETHER": ("invalid_request", advice.SETTING),
    "UNSPECIFIED_PARAMETER_NOT_SUPPORTED": ("invalid_request", advice.SETTING),
    "InvalidParameter": ("invalid_request", advice.SETTING),
    "ParameterValueInvalid": ("invalid_request", advice.SETTING),
    "ValidationException": ("invalid_request", advice.SETTING),
    "ValidationError": ("invalid_request", advice.SETTING),
    "ConflictException": ("invalid_request", advice.SETTING),
    "UserError": ("invalid_request", advice.SETTING),
    "CANNOT_PARSE": ("invalid_request", advice.OURS),
    "MISSING_PARAMETER": ("invalid_request", advice.OURS),
    "INVALID_REQUEST": ("invalid_request", advice.OURS),
    "UNKNOWN_OPERATION": ("invalid_request", advice.OURS),
    "UnknownOperationException": ("invalid_request", advice.OURS),
    "SerializationException": ("invalid_request", advice.OURS),
    "InvalidAction": ("invalid_request", advice.OURS),
}
_EVENTS: Mapping[str, tuple[Reason, str]] = {
    "TEXT_UNREACHABLE": ("", advice.OFF),
    "TEXT_CARRIER_UNREACHABLE": ("", advice.NO_REASON),
    "TEXT_UNKNOWN": ("", _("The operator sent no delivery receipt. The message may have been delivered.")),
    "TEXT_TTL_EXPIRED": ("", advice.EXPIRED),
    "TEXT_INVALID": ("invalid_number", advice.NUMBER),
    "TEXT_INVALID_MESSAGE": ("invalid_request", advice.TEXT),
    "TEXT_BLOCKED": ("blocked", advice.OPERATOR),
    "TEXT_CARRIER_BLOCKED": ("blocked", advice.OPERATOR),
    "TEXT_SPAM": ("blocked", advice.SPAM),
    "TEXT_PROTECT_BLOCKED": ("blocked", _PROTECTED),
    "RCS_TTL_EXPIRED": ("", advice.EXPIRED),
    "RCS_FAILED": ("", advice.NO_REASON),
    "RCS_PROTECT_BLOCKED": ("blocked", _PROTECTED),
}

_DOCS = "https://docs.aws.amazon.com/"
_SENDING = f"{_DOCS}pinpoint/latest/apireference_smsvoicev2/API_SendTextMessage.html"
_EVENT_TYPES = f"{_DOCS}sms-voice/latest/userguide/configuration-sets-event-types.html"
_INDIA = _("India only: as registered on the DLT platform.")

_CERTIFICATE_KEPT = 24 * 3600.0
_MOST_PAGES = 10


class Aws(Provider):
    """botocore only signs: its client would bypass `Http`, repeat in silence and log the text.

    Reports come through an SNS topic that our address subscribes to; our reference comes back as the context.
    """

    code = "aws"
    title = "Amazon Web Services (AWS)"
    docs = f"{_DOCS}sms-voice/latest/userguide/what-is-sms-mms.html"
    listing = Listing(
        about=_("AWS End User Messaging or SNS, billed with your AWS account."),
        other_names=("Amazon", "SNS", "Pinpoint", "End User Messaging"),
        mark=Mark(Colour.AMBER, "M12 3l10 5-10 5L2 8zM2 12l10 5 10-5v3l-10 5-10-5z"),
    )
    fields = (
        Text("access_key_id", "Access key ID", help=_("IAM > Users > Security credentials > Create access key.")),
        Secret("secret_access_key", "Secret access key", help=_("Shown once, when you create the access key.")),
        Choice("region", _("Region"), choices=REGIONS, default="us-east-1"),
        Choice(
            "product",
            _("Product"),
            help=_("End User Messaging reports delivery for every message. SNS does not."),
            choices=(("eum", "End User Messaging SMS"), ("sns", "SNS")),
            default="eum",
        ),
        Text(
            "configuration_set",
            "Configuration set",
            help=_("Required for delivery reports: its event destination sends them."),
            required=False,
        ),
        Text(
            "topic_arn",
            "Topic ARN",
            help=_("The SNS topic that delivers the reports. If set, reports from other topics are rejected."),
            required=False,
        ),
        Secret("session_token", "Session token", required=False, advanced=True),
        Url(
            "base_url",
            _("Service URL"),
            help=_("Leave empty to use AWS."),
            required=False,
            advanced=True,
        ),
    )
    sender_fields = (
        Choice(
            "message_type",
            _("Message type"),
            choices=(("TRANSACTIONAL", _("Transactional")), ("PROMOTIONAL", _("Promotional"))),
            default="TRANSACTIONAL",
        ),
        Text("dlt_entity_id", "DLT Entity ID", help=_INDIA, required=False, advanced=True),
        Text("dlt_template_id", "DLT Template ID", help=_INDIA, required=False, advanced=True),
    )
    setup = (
        Step(advice.COPY, _IAM, "https://console.aws.amazon.com/iam/"),
        Step(
            advice.REPORTS,
            _(
                "Create an SNS topic, subscribe this URL over HTTPS without raw message delivery, and add the "
                "topic as an event destination of the configuration set. Sendline confirms the subscription: "
                "{report_url}"
            ),
            "https://console.aws.amazon.com/sms-voice/",
        ),
    )
    reports = Reports.PUSHED
    verifies_online = True  # a certificate is fetched, and a subscription confirmed
    report_scope = Scope.ACCOUNT
    identified_by = ("access_key_id", "region", "product", "base_url")
    # It depends on the sender: a toll-free number sends 3 parts a second, a short code 100, a small 10DLC one less.
    rate = 3.0
    statuses = STATUSES
    hints = {
        **{code: Hint(reason, text, _SENDING) for code, (reason, text) in _CODES.items()},
        **{code: Hint(reason, text, _EVENT_TYPES) for code, (reason, text) in _EVENTS.items()},
    }
    tested = "contract"

    def send(self, sms: Sms) -> Accepted:
        return self._send_by_sns(sms) if self.account["product"] == "sns" else self._send_by_eum(sms)

    def _send_by_eum(self, sms: Sms) -> Accepted:
        india = {
            "IN_ENTITY_ID": sms.options.get("dlt_entity_id"),
            "IN_TEMPLATE_ID": sms.options.get("dlt_template_id"),
        }
        payload = {
            "DestinationPhoneNumber": sms.to,
            "OriginationIdentity": sms.sender,
            "MessageBody": sms.text,
            "MessageType": sms.options.get("message_type", "TRANSACTIONAL"),
            "ConfigurationSetName": self.account["configuration_set"],
            "Context": {"reference": sms.reference},
            "DestinationCountryParameters": _drop_empty(india),
        }
        return Accepted(ref=self._call_eum("SendTextMessage", _drop_empty(payload)).need("MessageId"))

    def _send_by_sns(self, sms: Sms) -> Accepted:
        is_number = re.fullmatch(r"\+?[0-9]+", sms.sender)
        attributes = {
            "AWS.SNS.SMS.SMSType": sms.options.get("message_type", "TRANSACTIONAL").capitalize(),
            "AWS.MM.SMS.OriginationNumber" if is_number else "AWS.SNS.SMS.SenderID": sms.sender,
            "AWS.MM.SMS.EntityId": sms.options.get("dlt_entity_id"),
            "AWS.MM.SMS.TemplateId": sms.options.get("dlt_template_id"),
        }
        form = {"PhoneNumber": sms.to, "Message": sms.text}
        for index, (name, value) in enumerate(_drop_empty(attributes).items(), 1):
            entry = f"MessageAttributes.entry.{index}"
            form |= {f"{entry}.Name": name, f"{entry}.Value.DataType": "String", f"{entry}.Value.StringValue": value}
        return Accepted(ref=_require_element(self._call_sns("Publish", form), "MessageId"))

    def verify(self, call: Call) -> None:
        """Check the RSA signature, by docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html."""
        envelope = read_envelope(call)
        if self.account["topic_arn"] not in {"", envelope.get("TopicArn")}:
            raise Forged
        verify_envelope(envelope, call.at, self._signing_key)

    def read_reports(self, call: Call) -> list[Report]:
        body = call.json()
        if value_at(body, "Type") == "SubscriptionConfirmation":
            self._confirm_subscription(text_at(body, "SubscribeURL"), text_at(body, "Token"))
            return []
        event = _parse_json(text_at(body, "Message"))
        ref, word = text_at(event, "messageId"), text_at(event, "eventType")
        if not ref or not word:
            return []
        cost = _read_number(event, "totalMessagePrice") + _read_number(event, "totalCarrierFee")
        report = self.report(
            word,
            ref=ref,
            reference=text_at(event, "context.reference"),
            recipient=text_at(event, "destinationPhoneNumber"),
            code=word if word in _EVENTS else "",
            price=cost or None,
            currency="USD",
        )
        return [report]

    def check(self) -> Account:
        if self.account["product"] == "sns":
            _require_element(self._call_sns("GetSMSAttributes"), "RequestId")
        else:
            self._call_eum("DescribeSpendLimits").need("SpendLimits.0.Name")
        return Account(label=self.account["region"])

    def senders(self) -> list[str]:
        if self.account["product"] == "sns":
            attributes = self._call_sns("GetSMSAttributes").text
            return re.findall(r"<key>DefaultSenderID</key>\s*<value>([^<]+)</value>", attributes)
        numbers = [
            text_at(one, "PhoneNumber")
            for one in self._list_rows("DescribePhoneNumbers", "PhoneNumbers")
            if text_at(one, "Status") == "ACTIVE" and "SMS" in str(value_at(one, "NumberCapabilities"))
        ]
        names = [text_at(one, "SenderId") for one in self._list_rows("DescribeSenderIds", "SenderIds")]
        return [one for one in dict.fromkeys((*numbers, *names)) if one]  # a name is listed once for each country

    def _list_rows(self, operation: str, name: str) -> list[object]:
        rows = value_at(self._call_eum(operation, {"MaxResults": 100}).json(), name)
        return rows if isinstance(rows, list) else []

    def _call_eum(self, operation: str, payload: Mapping[str, object] = MappingProxyType({})) -> Reply:
        target = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": f"PinpointSMSVoiceV2.{operation}"}
        return self._call_service("sms-voice", json.dumps(dict(payload)), target)

    def _call_sns(self, action: str, payload: Mapping[str, str] = MappingProxyType({})) -> Reply:
        form = {"Action": action, "Version": "2010-03-31", **payload}
        return self._call_service(
            "sns", urlencode(form), {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
        )

    def _call_service(self, service: str, body: str, headers: Mapping[str, str]) -> Reply:
        region = self.account["region"]
        url = f"{self.account['base_url'].rstrip('/') or f'https://{service}.{region}.amazonaws.com'}/"
        names = ("access_key_id", "secret_access_key", "session_token")
        request = AWSRequest("POST", url, headers=dict(headers), data=body.encode())
        SigV4Auth(Credentials(*(self.account[name] or None for name in names)), service, region).add_auth(request)
        reply = self.http.post(url, body=body.encode(), headers=dict(request.headers.items()))
        if reply.ok:
            return reply
        kind = reply.find("__type").rpartition("#")[2] or _xml_element(reply, "Code")
        code = reply.find("Reason") or kind
        if reply.find("Fields.0.Name") == "DestinationPhoneNumber":
            code = "DestinationPhoneNumber"
        words = reply.find("Message") or reply.find("message") or _xml_element(reply, "Message")
        raise reply.refusal(code, words, self.hints)

    def _signing_key(self, url: str) -> RSAPublicKey:
        if not CERTIFICATE_URL.fullmatch(url):
            raise Forged
        stored = self.memo.get(url)
        if stored is not None:
            return read_public_key(stored)
        reply = self.http.get(url)
        if 400 <= reply.status < 500:
            raise Forged
        pem = reply.expect().text
        key = read_public_key(pem)
        self.memo.put(url, pem, _CERTIFICATE_KEPT)
        return key

    def _confirm_subscription(self, url: str, token: str) -> None:
        if not SUBSCRIBE_URL.fullmatch(url):
            raise Forged
        reply = self.http.hiding(token=token).get(url)
        if reply.status >= 500:
            reply.expect()  # so that the call is kept and read once more


def _parse_json(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _read_number(data: object, path: str) -> Decimal:
    found = value_at(data, path)
    number = Decimal(str(found)) if type(found) in {int, float} else Decimal()
    return number if number.is_finite() else Decimal()


def _drop_empty(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value}


def _xml_element(reply: Reply, name: str) -> str:
    found = re.search(rf"<{name}>([^<]*)</{name}>", reply.text)
    return html.unescape(found[1]) if found else ""


def _require_element(reply: Reply, name: str) -> str:
    found = _xml_element(reply, name)
    if not found:
        raise reply.unclear(_("The response is missing required data."))
    return found
