"""How calls are read: what is tolerated, what is refused, and that an attack costs nothing."""

import resource
import time
from xml.sax.saxutils import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from mopos.base.secret import Secret
from mopos.edges.soap.asmx import BODY_BYTES_MAX, Asmx, AsmxRequest
from mopos.edges.soap.result import PayRepCall, PayRepResult
from mopos.edges.soap.write import Version, bare_result, soap_result

SOAP11, SOAP12 = "http://schemas.xmlsoap.org/soap/envelope/", "http://www.w3.org/2003/05/soap-envelope"
RMZ = "canary-rmz-7d1f"


async def echo(call: PayRepCall) -> PayRepResult:
    rmz = call.rmz.reveal() if call.rmz is not None else None
    return PayRepResult(call.id, rmz, 5, None, 0, call.res, None, None, call.source)


async def failing(call: PayRepCall) -> PayRepResult:
    raise RuntimeError(f"could not look up {call.rmz.reveal()}")


def envelope(operation: str, *, soap: str = SOAP11, head: str = "", before: str = "") -> bytes:
    declaration = '<?xml version="1.0" encoding="utf-8"?>'
    return f'{declaration}{before}<s:Envelope xmlns:s="{soap}">{head}<s:Body>{operation}</s:Body></s:Envelope>'.encode()


def call_xml(res: str = "r", extra: str = "") -> str:
    return f'<PayRep xmlns="http://tempuri.org/"><ID>1</ID><Rmz>{RMZ}</Rmz><Res>{res}</Res>{extra}</PayRep>'


async def soap(body: bytes, *, content_type="text/xml; charset=utf-8", action=None, service=echo):
    request = AsmxRequest("POST", "", b"", content_type, action, body, "192.0.2.1")
    return await Asmx("https://pay.test", service).answer(request)


async def bare(method: str, data: bytes, content_type="application/x-www-form-urlencoded", path="/PayRep"):
    query, body = (data, b"") if method == "GET" else (b"", data)
    return await Asmx("https://pay.test", echo).answer(
        AsmxRequest(method, path, query, content_type, None, body, "192.0.2.1")
    )


def fields(body: bytes) -> dict[str, str | None]:
    result = etree.fromstring(body)
    result = next((r for r in result.iter("{http://tempuri.org/}PayRepResult")), result)
    return {etree.QName(field).localname: field.text for field in result}


BOMB = "<!DOCTYPE x [<!ENTITY a 'aaaaaaaaaa'>" + "".join(
    f"<!ENTITY {chr(98 + n)} '{f'&{chr(97 + n)};' * 10}'>" for n in range(9)
)
ATTACKS = {
    "doctype": envelope(call_xml(), before="<!DOCTYPE x>"),
    "entity": envelope(call_xml("&e;"), before="<!DOCTYPE x [<!ENTITY e 'x'>]>"),
    "external entity": envelope(call_xml("&e;"), before='<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>'),
    "external dtd": envelope(call_xml(), before='<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd">'),
    "parameter entity": envelope(call_xml(), before='<!DOCTYPE x [<!ENTITY % p SYSTEM "file:///etc/passwd"> %p;]>'),
    "billion laughs": envelope(call_xml("&j;"), before=BOMB + "]>"),
    "undeclared entity": envelope(call_xml("&nobody;")),
    "processing instruction before": envelope(call_xml(), before='<?xml-stylesheet href="http://127.0.0.1:9/"?>'),
    "processing instruction inside": envelope(call_xml(extra="<?php evil ?>")),
    "deep": envelope("<a>" * 5000 + "</a>" * 5000),
    "not XML": b"this is not xml",
    "truncated": envelope(call_xml())[:-30],
    "empty": b"",
    "NUL": envelope(call_xml("a\0b")),
    "control character": envelope(call_xml("&#1;")),
    "lone byte": envelope(call_xml()).replace(b"<ID>1", b"<ID>\xff"),
    "markup in a value": envelope(call_xml("a<b>c</b>")),
}


@pytest.mark.parametrize("name", ATTACKS)
async def test_attack_10_bad_xml_is_refused_before_use(name):
    began, memory = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for content_type, action in (("text/xml; charset=utf-8", '"http://tempuri.org/PayRep"'), ("text/xml", None)):
        answer = await soap(ATTACKS[name], content_type=content_type, action=action)
        assert (answer.status, answer.body) == (400, b"")
    assert time.process_time() - began < 1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory < 32 * 1024


async def test_attack_10_many_attributes_cost_little():
    attributes = " ".join(f'a{n}="x"' for n in range(6000))
    began = time.process_time()
    answer = await soap(envelope(f'<PayRep xmlns="http://tempuri.org/" {attributes}/>'))
    assert answer.status == 200
    assert time.process_time() - began < 1


async def test_attack_27_a_large_body_is_not_parsed():
    answer = await soap(b"<" * (BODY_BYTES_MAX + 1))
    assert answer.status == 413


@pytest.mark.parametrize("name", ["ID", "Rmz", "Res"])
async def test_attack_25_what_comes_twice_is_refused_by_every_binding(name):
    answer = await soap(envelope(call_xml(extra=f"<{name}>other</{name}>")))
    assert answer.status == 500
    assert b"soap:Client" in answer.body
    assert RMZ.encode() not in answer.body
    for method in ("GET", "POST"):
        answer = await bare(method, f"ID=1&Rmz={RMZ}&Res=r&{name.lower()}=other".encode())
        assert answer.status == 500
        assert answer.body == f"The parameter {name} appears more than once.\r\n".encode()


async def test_attack_20_a_failure_tells_nothing_of_what_was_sent():
    answer = await soap(envelope(call_xml()), service=failing)
    assert answer.status == 500
    assert b"Server was unable to process request. ---&gt; Internal error." in answer.body
    assert RMZ.encode() not in answer.body


async def test_the_namespace_decides_and_the_prefix_does_not():
    foreign = '<m:PayRep xmlns:m="http://tempuri.org/"><m:ID>1</m:ID><x:Rmz xmlns:x="urn:x">n</x:Rmz></m:PayRep>'
    assert fields((await soap(envelope(foreign))).body) == {"Nam": "1", "Amnt": "5", "Err": "0", "IP": "192.0.2.1"}


async def test_nil_is_null_and_empty_is_empty():
    nil = 'xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:nil="true"'
    body = f'<PayRep xmlns="http://tempuri.org/"><ID {nil}>x</ID><Rmz/><Res><![CDATA[a<b]]></Res></PayRep>'
    answer = await soap(envelope(body))
    assert b"<PayRepResult><Dsc /><Amnt>5</Amnt><Err>0</Err><ErrDsc>a&lt;b</ErrDsc><IP>" in answer.body


@pytest.mark.parametrize(
    ("content_type", "version"),
    [
        ("text/xml; charset=utf-8", SOAP11),
        ("text/xml", SOAP12),  # capture 35
        ("application/soap+xml; charset=utf-8", SOAP12),
        ('application/soap+xml;charset="utf-8";action="http://tempuri.org/PayRep"', SOAP12),
    ],
)
async def test_the_answer_has_the_version_of_the_question(content_type, version):
    answer = await soap(envelope(call_xml(), soap=version), content_type=content_type)
    assert answer.status == 200
    assert dict(answer.headers)["Content-Type"] == Version(version).content_type
    assert etree.fromstring(answer.body).tag == f"{{{version}}}Envelope"


async def test_an_older_envelope_than_announced_is_not_taken():
    answer = await soap(envelope(call_xml()), content_type="application/soap+xml")
    assert (answer.status, answer.body) == (415, b"")


@pytest.mark.parametrize(
    ("body", "content_type", "message"),
    [
        (
            envelope(call_xml(), soap="urn:x"),
            "text/xml",
            "Envelope namespace urn:x was unexpected. Expecting " + SOAP11,
        ),
        (b"<html/>", "application/soap+xml", "Envelope namespace  was unexpected. Expecting " + SOAP11),
        (f'<E xmlns="{SOAP11}"/>'.encode(), "text/xml", "missing required soap:Envelope element."),
        (f'<Envelope xmlns="{SOAP12}"/>'.encode(), "text/xml", "missing required soap:Body element."),
    ],
)
async def test_what_is_no_envelope_gets_a_fault(body, content_type, message):
    answer = await soap(body, content_type=content_type)
    assert answer.status == 500
    assert message in answer.body.decode()


@pytest.mark.parametrize("content_type", ["text/plain", "application/xml", "multipart/related", "", None])
async def test_what_is_no_soap_is_not_taken(content_type):
    answer = await soap(envelope(call_xml()), content_type=content_type)
    assert (answer.status, answer.body) == (415, b"")


@pytest.mark.parametrize("action", ["urn:other", ""])
async def test_soap12_is_answered_by_its_element_when_the_action_is_strange(action):
    content_type = f'application/soap+xml; action="{action}"'
    assert (await soap(envelope(call_xml(), soap=SOAP12), content_type=content_type)).status == 200
    answer = await soap(envelope("<x/>", soap=SOAP12), content_type=content_type)
    assert answer.status == 500
    assert (f"The action '{action}' was not recognized" if action else "valid soap action") in answer.body.decode()


@pytest.mark.parametrize(
    "action", ['"http://tempuri.org/PayRep"', "http://tempuri.org/PayRep", "http%3A//tempuri.org/PayRep", None]
)
async def test_the_action_is_quoted_or_not_or_missing(action):
    assert (await soap(envelope(call_xml()), action=action)).status == 200


async def test_other_charsets_are_read_as_they_say():
    text = call_xml("سلام")
    body = f'<s:Envelope xmlns:s="{SOAP11}"><s:Body>{text}</s:Body></s:Envelope>'
    for charset in ("windows-1256", "utf-16"):
        answer = await soap(body.encode(charset), content_type=f"text/xml; charset={charset}")
        assert fields(answer.body)["ErrDsc"] == "سلام"
    declared = f'<?xml version="1.0" encoding="windows-1256"?>{body}'.encode("windows-1256")
    for content_type in ("text/xml", "text/xml; charset=klingon"):
        assert fields((await soap(declared, content_type=content_type)).body)["ErrDsc"] == "سلام"


async def test_the_charset_of_the_content_type_goes_before_the_declaration():
    body = f'<s:Envelope xmlns:s="{SOAP11}"><s:Body>{call_xml("سلام")}</s:Body></s:Envelope>'
    wrongly_declared = f'<?xml version="1.0" encoding="windows-1256"?>{body}'.encode()
    assert fields((await soap(wrongly_declared)).body)["ErrDsc"] == "سلام"
    nusoap = f'<?xml version="1.0" encoding="ISO-8859-1"?>{body.replace("سلام", "&#1587;&#1604;&#1575;&#1605;")}'
    answer = await soap(nusoap.encode("latin-1"), content_type="text/xml; charset=ISO-8859-1")
    assert fields(answer.body)["ErrDsc"] == "سلام"


@given(text=st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc", "Cn"]), max_size=60))
async def test_any_text_survives_the_way_there_and_back(text):
    answer = await soap(envelope(call_xml(escape(text))))
    assert (fields(answer.body)["ErrDsc"] or "") == text


@given(text=st.text(max_size=60))
def test_whatever_was_kept_the_answer_is_well_formed(text):
    text = text.encode("utf-8", "replace").decode()
    result = PayRepResult(text, "", 1, None, 0, text, None, None, None)
    for body in (soap_result(Version.SOAP11, result), soap_result(Version.SOAP12, result), bare_result(result)):
        assert fields(body)["Amnt"] == "1"


async def test_names_in_any_letter_case_and_persian_charsets_in_forms():
    answer = await bare(
        "POST", b"id=1&RMZ=2&rEs=%D3%E1%C7%E3", "application/x-www-form-urlencoded; charset=windows-1256"
    )
    assert fields(answer.body)["ErrDsc"] == "سلام"


async def test_a_hostile_form_is_bounded():
    assert (await bare("POST", b"a=1&" * 15_000)).status == 500
    assert (await bare("POST", b"x" * (BODY_BYTES_MAX + 1))).status == 413
    assert (await bare("POST", b"{}", "application/json")).status == 500


async def test_what_is_said_of_a_strange_name_is_no_markup():
    answer = await bare("GET", b"", path="/<script>'x'&")
    assert answer.body == b"&lt;script&gt;&#39;x&#39;&amp; Web Service method name is not valid.\r\n"


def test_attack_20_a_request_prints_nothing_of_what_was_sent():
    request = AsmxRequest("GET", "/PayRep", f"Rmz={RMZ}".encode(), None, None, f"Rmz={RMZ}".encode(), "")
    assert RMZ not in repr(request)
    assert RMZ not in repr(PayRepCall("1", Secret(RMZ), "r", ""))


anything = st.binary(max_size=200) | st.sampled_from([envelope(call_xml()), envelope(call_xml(), soap=SOAP12)])
KINDS = ["text/xml", "application/soap+xml", "application/x-www-form-urlencoded", "application/json"]
a_header = st.none() | st.text(st.characters(max_codepoint=255), max_size=30)


@given(
    method=st.sampled_from(["GET", "POST", "HEAD", "PUT", "X"]),
    path=st.sampled_from(["", "/", "/PayRep", "/payrep/", "/x"]) | a_header.map(str),
    query=anything,
    content_type=a_header | st.tuples(st.sampled_from(KINDS), st.text(max_size=30)).map("; charset=".join),
    action=a_header,
    body=anything,
)
async def test_whatever_comes_is_answered(method, path, query, content_type, action, body):
    request = AsmxRequest(method, path, query, content_type, action, body, "192.0.2.1")
    answer = await Asmx("https://pay.test", failing).answer(request)
    assert answer.status in (200, 400, 405, 415, 500)
    assert RMZ.encode() not in answer.body
    if dict(answer.headers)["Content-Type"] in ("text/xml; charset=utf-8", "application/soap+xml; charset=utf-8"):
        assert answer.body == b"" or etree.fromstring(answer.body) is not None


@pytest.mark.parametrize(
    ("query", "document"),
    [
        (b"wsdl", b"wsdl:definitions"),
        (b"WSDL&x=1", b"wsdl:definitions"),
        (b"Disco", b"<discovery"),
        (b"singleWsdl", b"<!DOCTYPE html>"),
        (b"wsdl=1", b"<!DOCTYPE html>"),
        (b"op=NoSuch", b"Operation not found"),
    ],
)
async def test_documents_in_any_letter_case(query, document):
    answer = await Asmx("https://pay.test", echo).answer(AsmxRequest("GET", "", query, None, None, b"", ""))
    assert answer.status == 200
    assert document in answer.body


@pytest.mark.parametrize(
    ("query", "part"), [(b"", "Service Description"), (b"op=PayRep", "SOAPAction"), (b"x", "PayRep")]
)
async def test_pages_for_people(query, part):
    answer = await Asmx("https://pay.test", echo).answer(AsmxRequest("GET", "", query, None, None, b"", ""))
    assert answer.status == 200
    page = answer.body.decode()
    assert part in page
    assert "<script" not in page
    assert " style=" not in page


@pytest.mark.parametrize("method", ["HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"])
async def test_other_methods_are_not_allowed(method):
    answer = await Asmx("https://pay.test", echo).answer(AsmxRequest(method, "", b"WSDL", None, None, b"", ""))
    assert (answer.status, dict(answer.headers)["Allow"]) == (405, "GET, POST")
    assert bool(answer.body) is (method != "HEAD")
