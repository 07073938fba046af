"""Our answers against those of a real ASMX service, capture by capture.

The captures lie beside the checkout (`../shared/spec/asmx`), not in it; CI refuses to run without them, and a clone
that lacks them has no such cases. This file is the one place that lists where we differ, with the reason: the tables
below for what is captured, and these for what Microsoft's own service does otherwise without a capture (each has its
test in `test_reading.py`):

- A processing instruction is refused with 400; Microsoft ignores it. Nothing that calls PayRep has one (attack 10).
- Every unreadable body is 400, as SOAP 1.1 has it; Microsoft says a soap:Receiver fault for it in SOAP 1.2.
- A parameter that comes twice is refused by every binding; Microsoft takes the first in SOAP and joins all of them with
  commas in a form (attack 25).
- A charset that nobody knows leaves it to the document; Microsoft reads text/xml without a charset as ASCII, which
  would turn Persian text into question marks.
- `/payrep` is found in any letter case; Microsoft says that method names are case sensitive.
- Markup in a form's value is data; Microsoft's request validation refuses it (capture 68).
- A version mismatch has no Upgrade header: no client reads it.
- 405 names what is allowed, as RFC 9110 asks, and 413 is for what is above 64 kB.
- JSON is not answered: Microsoft answers it for script services only, which are no default (capture 48).
- X-AspNet-Version, X-Powered-By and Server are not sent: they help attackers only.
"""

import re
from pathlib import Path
from typing import NamedTuple

import pytest

from mopos.edges.soap.asmx import Asmx, AsmxRequest, AsmxResponse
from mopos.edges.soap.result import PayRepCall, PayRepResult

CAPTURES = Path(__file__).parents[4] / "shared" / "spec" / "asmx"
ADDRESS = "http://127.0.0.1:18084"

# Captures of what we do not have, or answer otherwise on purpose.
NOT_OURS = {
    "08": "PayRep never answers null: what it cannot find is an Err",
    "09": "PayRep never answers null: what it cannot find is an Err",
    "26": "ID is a string here, so every text is an ID",
    "27": "ID is a string here, so every text is an ID",
    "29": "PayRep throws no SoapException of its own",
    "31": "ID is a string here, so every text is an ID",
    "43": "ID is a string here, so every text is an ID",
    "48": "JSON is answered by script services only; Microsoft's default is not to",
    "60": "methods for trying types",
    "61": "methods for trying types",
    "62": "methods for trying types",
    "63": "methods for trying types",
    "64": "methods for trying types",
    "65": "methods for trying types",
    "66": "methods for trying types",
    "67": "methods for trying types",
    "68": "methods for trying types; markup in a value is data and is not refused, as no page shows it unescaped",
    "68b": "methods for trying types",
    "68c": "methods for trying types",
    "68d": "methods for trying types",
    "69": "methods for trying types",
    "70": "methods for trying types",
    "82": "mono's own page; Microsoft's is ?op=, which we have",
    "91": "ID is a string here, so every text is an ID",
    "96": "its body is not in the capture; 06 is the same request",
}
# Mono leaves the placeholders of its messages unfilled; Microsoft fills them, and so do we.
FILLED = {
    "Server did not recognize the value of HTTP Header {0}: {1}.": [
        "Server did not recognize the value of HTTP Header SOAPAction: http://tempuri.org/NoSuch.",
        "Server did not recognize the value of HTTP Header SOAPAction: .",
    ],
    "Missing parameter: {0}.": ["Missing parameter: ID.", "Missing parameter: Rmz.", "Missing parameter: Res."],
    "{0} Web Service method name is not valid.": ["NoSuch Web Service method name is not valid."],
    "Request format is invalid: {0}.": ["Request format is invalid: ."],
    "SOAP header {0} was not understood.": ["SOAP header H was not understood."],
}
# What a failing method says is its exception's message; ours could carry what was sent, so it is always the same.
OUR_FAILURE = "Server was unable to process request. ---> Internal error."
# Headers that belong to the host of the captures, not to ASMX.
HOST_HEADERS = {"server", "date", "connection", "content-length", "x-aspnet-version"}
# HTML pages: ours have other words, name their charset and carry a content security policy.
PAGES = {"34", "53", "80", "81", "83b", "84", "85"}


class Capture(NamedTuple):
    number: str
    request: AsmxRequest
    service: str
    status: int
    headers: dict[str, str]
    body: str


def read(path: Path) -> Capture:
    asked, answered = path.read_text().split("# ---- response as received\n")
    asked = asked.split("shown as line ends)\n", 1)[1]
    head, _, body = asked.partition("\n\n")
    line, *headers = head.split("\n")
    method, target, _ = line.split(" ")
    sent = {name.lower(): value for name, _, value in (header.partition(": ") for header in headers)}
    location, _, query = target.partition("?")
    service, _, path_info = location.partition(".asmx")
    length = int(sent.get("content-length", 0))
    answer_head, _, answer_body = answered.partition("\n\n")
    status_line, *answer_headers = answer_head.split("\n")
    return Capture(
        number=path.name.split("-")[0],
        request=AsmxRequest(
            method=method,
            path_info=path_info,
            query=query.encode(),
            content_type=sent.get("content-type"),
            soap_action=sent.get("soapaction"),
            body=body.encode()[:length],
            source="127.0.0.1",
        ),
        service=service,
        status=int(status_line.split(" ")[1]),
        headers={name.lower(): value for name, _, value in (header.partition(": ") for header in answer_headers)},
        body=answer_body,
    )


def cases() -> list[Capture]:
    paths = sorted(CAPTURES.glob("*.txt")) if CAPTURES.exists() else []
    return [capture for capture in map(read, paths) if capture.number not in NOT_OURS]


async def captured_service(call: PayRepCall) -> PayRepResult:
    """What the service behind the captures answered, by its `Res` and `Rmz`."""
    if call.res == "throw":
        raise RuntimeError("boom from PayRep")
    if call.id == "7":
        return PayRepResult("nam", "ID=[7] Rmz=(null) Res=(null)", 1250000, None, 0, None, None, None, None)
    if not call.rmz or not call.rmz.reveal():
        return PayRepResult(None, None, 0, None, 1, "رمز خالی است", None, None, None)
    number, date = "140312300001", "1403/12/30 23:59:59"
    amount = 0 if call.id is None else 2500000  # an int that was not sent is 0
    return PayRepResult("فروشگاه نمونه & <co>", f"Res=[{call.res}]", amount, date, 0, "", None, number, "127.0.0.1")


if CAPTURES.exists():  # an empty table would count as a skipped test

    @pytest.mark.parametrize("capture", cases(), ids=lambda capture: capture.number)
    async def test_we_answer_as_asmx_does(capture):
        compare(capture, await Asmx(ADDRESS, captured_service).answer(capture.request))


def compare(capture: Capture, answer: AsmxResponse) -> None:
    if capture.number == "81":
        assert answer.status == 200, "mono fails here; Microsoft has this page, and so have we"
        return
    assert answer.status == capture.status
    if capture.number in PAGES:
        assert dict(answer.headers)["Content-Type"].startswith("text/html")
        return
    expected = {name: value for name, value in capture.headers.items() if name not in HOST_HEADERS}
    assert {name.lower(): value for name, value in answer.headers} == expected
    assert shown(answer) in wanted(capture)


def shown(answer: AsmxResponse) -> str:
    # .NET ends a plain text with the line end of Windows, mono on Linux with its own.
    return answer.body.decode().replace("\r\n", "\n").strip()


def wanted(capture: Capture) -> list[str]:
    """The capture's body as a server with customErrors On and filled messages would say it."""
    body = without_stack(capture.body.strip())
    body = body.replace("boom from PayRep", "Internal error.")
    if body == "Internal error.":
        # The bare bindings show the exception alone; ours name the same sentence everywhere.
        return [OUR_FAILURE]
    for placeholder, filled in FILLED.items():
        if placeholder in body:
            return [body.replace(placeholder, text) for text in filled]
    return [body]


def without_stack(body: str) -> str:
    body = re.sub(r"\n *(at|---) [^\n]*?(?=(</faultstring>|</soap:Text>|\n|$))", "", body)
    return re.sub(r"(System\.[A-Za-z.]*Exception): ", "", body)


def test_the_captures_are_whole_where_they_are():
    if CAPTURES.exists():
        assert len(cases()) >= 35


@pytest.mark.parametrize("name", ["wsdl", "WSDL", "Wsdl"])
async def test_the_wsdl_is_the_captured_one(name):
    request = AsmxRequest("GET", "", name.encode(), None, None, b"", "127.0.0.1")
    answer = await Asmx(ADDRESS, captured_service).answer(request)
    assert dict(answer.headers)["Content-Type"] == "text/xml; charset=utf-8"
    for captured in [CAPTURES / "wsdl-int-id.wsdl"] if CAPTURES.exists() else []:
        # The one difference: our ID is a string, so it may be absent.
        ours = captured.read_text().replace('minOccurs="1" maxOccurs="1" name="ID" type="s:int"', ID_AS_STRING)
        assert answer.body.decode() == ours.strip()
    assert ID_AS_STRING in answer.body.decode()


ID_AS_STRING = 'minOccurs="0" maxOccurs="1" name="ID" type="s:string"'
