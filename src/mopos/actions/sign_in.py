"""Coming in: by a code by SMS, by a passkey, or by approval on the phone; and signing up, which is the first time.

A code by SMS alone opens nothing but the page that asks for the second factor.
"""

from __future__ import annotations

import secrets

from mopos.actions.services import Services
from mopos.base.errors import Refused
from mopos.domain.people import codes, devices, requests, sessions
from mopos.domain.people.codes import Tried
from mopos.domain.people.devices import Passkey
from mopos.domain.people.model import code_hash, new_code, numbers_to_choose, read_mobile
from mopos.domain.people.sessions import AGENT_LENGTH_MAX, Entry
from mopos.outside.sms import NotSent

# Words of the message. The last line lets a phone's browser fill the code in, at this host only (WebOTP).
_CODE_TEXT = "کد ورود به موپوز: {code}\nاین کد را به هیچ‌کس نگویید.\n\n@{host} #{code}"


async def send_code(services: Services, *, typed_mobile: str, binding: str, ip: str, host: str) -> None:
    """Send a one-time code to a number. The same is done and said whether or not the number has an account.

    Refusals: `mobile_malformed`, `otp_too_many`, `otp_too_many_here`, `sms_not_sent`."""
    mobile = read_mobile(typed_mobile)
    if mobile is None:
        raise Refused(["mobile_malformed"])
    if services.sms is None:
        raise Refused(["sms_not_sent"])
    code = new_code()
    refusal = await codes.ask(
        services.db,
        mobile=mobile,
        code_hash=_hash(services, code, mobile, binding),
        binding=binding,
        ip=ip,
        per_address_max=services.settings.otp_per_address_max,
        now=services.clock(),
    )
    if refusal:
        raise Refused([refusal])
    answer = await services.sms.send(mobile, _CODE_TEXT.format(code=code, host=host))
    if isinstance(answer, NotSent):
        raise Refused(["sms_not_sent"])


async def enter_with_code(services: Services, *, typed_code: str, binding: str, entry: Entry) -> Tried:
    """Come in by the code that this browser asked for; a new number becomes a person and the owner of a first account.

    Refusals: `otp_over` (none waits, it is too late, or there were too many tries), `otp_wrong`; `person_barred` only
    after a right code, so that nobody else learns of it."""
    waiting = await codes.waiting(services.db, binding)
    if waiting is None:
        raise Refused(["otp_over"])
    tried = await codes.enter(
        services.db,
        code_hash=_hash(services, typed_code, waiting.mobile, binding),
        binding=binding,
        entry=entry,
    )
    if tried is None:
        raise Refused(["otp_over"])
    if tried.is_barred:
        raise Refused(["person_barred"])
    if tried.person_id is None:
        raise Refused(["otp_wrong"])
    return tried


async def enter_with_passkey(services: Services, *, passkey: Passkey, sign_count: int, entry: Entry) -> None:
    """Come in by a passkey that was shown and checked: both factors at once. Refusals: `passkey_refused`,
    `person_barred`."""
    entered = await devices.enter(services.db, passkey=passkey, sign_count=sign_count, entry=entry)
    if not entered:
        raise Refused(["passkey_refused" if entered is None else "person_barred"])


async def ask_phone(services: Services, *, typed_mobile: str, browser_hash: bytes, ip: str, agent: str) -> None:
    """A computer asks to be let in by the phone. Also for numbers without an account: nobody learns which have one.

    Refusals: `mobile_malformed`, `otp_too_many`."""
    mobile = read_mobile(typed_mobile)
    if mobile is None:
        raise Refused(["mobile_malformed"])
    number, choices = numbers_to_choose()
    asked = await requests.ask(
        services.db,
        browser_hash=browser_hash,
        mobile=mobile,
        number=number,
        choices=choices,
        ip=ip,
        agent=agent[:AGENT_LENGTH_MAX],
        per_address_max=services.settings.otp_per_address_max,
        now=services.clock(),
    )
    if not asked:
        raise Refused(["otp_too_many"])


async def enter_with_approval(services: Services, *, browser_hash: bytes, entry: Entry) -> None:
    """The computer takes up what the phone approved, once. Refusals: `request_over`."""
    if not await requests.enter(services.db, browser_hash=browser_hash, entry=entry):
        raise Refused(["request_over"])


async def sign_out(services: Services, token_hash: bytes) -> None:
    """End this browser's session."""
    await sessions.end(services.db, token_hash, services.clock())


def _hash(services: Services, code: str, mobile: str, binding: str) -> bytes:
    return code_hash(services.settings.rmz_key, code, mobile=mobile, purpose=codes.SIGN_IN, binding=binding)


def new_browser_ref() -> str:
    """The address under which a computer waits for the phone; of use in the browser that asked only."""
    return secrets.token_urlsafe(16)
