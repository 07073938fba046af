"""Our own recordings in `tests/wire/soap/`: one file per case, the request and our whole answer, byte for byte.

A byte that changes is a visible difference in a review. After a wanted change, `python -m
tests.edges.soap.test_recordings` (from the repository's root) writes the answers again; the requests stay.
"""

import asyncio
import re
from pathlib import Path

import pytest
from tests.edges.soap.served import pay_rep

from mopos.edges.soap.asmx import Asmx, AsmxRequest, AsmxResponse

FOLDER = Path(__file__).parents[2] / "wire" / "soap"
CASES = sorted(FOLDER.glob("*.http"))
DIVIDER = b"\n# ---- our answer\n"
SERVICE = "/WebServiceMoPos.asmx"
# The buyer's style sheet is named by its content, which is not ours to hold still.
STYLE = re.compile(rb"style\.[0-9a-f]{12}\.css"), b"style.(its hash).css"


def read_request(recording: bytes) -> AsmxRequest:
    """`# what it shows`, the request line, the headers that matter, an empty line, the body."""
    asked, _, _ = recording.partition(DIVIDER)
    head, _, body = asked.partition(b"\n\n")
    _, line, *headers = head.decode("latin-1").split("\n")
    method, target, _ = line.split(" ")
    path, _, query = target.partition("?")
    sent = dict(header.split(": ", 1) for header in headers)
    return AsmxRequest(
        method=method,
        path_info=path.removeprefix(SERVICE),
        query=query.encode(),
        content_type=sent.get("Content-Type"),
        soap_action=sent.get("SOAPAction"),
        body=body,
        source="192.0.2.1",
    )


async def answer(recording: bytes) -> bytes:
    """What we answer now, as it is recorded."""
    given: AsmxResponse = await Asmx("https://pay.test", pay_rep).answer(read_request(recording))
    headers = "".join(f"{name}: {value}\n" for name, value in given.headers)
    return f"{given.status}\n{headers}\n".encode() + STYLE[0].sub(STYLE[1], given.body) + b"\n"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
async def test_the_answer_is_the_recorded_one(case):
    recording = case.read_bytes()
    _, _, recorded = recording.partition(DIVIDER)
    assert await answer(recording) == recorded


def test_the_recordings_are_there():
    assert len(CASES) >= 50


def record() -> None:
    for case in CASES:
        recording = case.read_bytes()
        asked, _, _ = recording.partition(DIVIDER)
        case.write_bytes(asked + DIVIDER + asyncio.run(answer(recording)))


if __name__ == "__main__":
    record()
