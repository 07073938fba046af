"""An account's members, at /panel/{account}/members, and the invitations that a person got, at /app/invitations."""

from __future__ import annotations

from typing import Any

from litestar import Response

from mopos.actions import manage_members
from mopos.base.errors import Refused
from mopos.base.ids import with_check_digit
from mopos.domain.accounts import member_store
from mopos.domain.accounts.member_store import By
from mopos.domain.accounts.members import GIVEN_ROLES, Invitation, Member
from mopos.domain.accounts.model import ALLOWED, Allow, Role
from mopos.edges.panel import notifications
from mopos.edges.web import render
from mopos.edges.web.ask import Ask, NotFound
from mopos.edges.web.routes import Door, Route

_MEMBERS = "/panel/{account}/members"
_MEMBER = "/panel/{account}/members/{member}"
_INVITATIONS = "/app/invitations"


def _by(ask: Ask) -> By:
    return By(ask.account_id, ask.person.id, ask.ip, ask.now)


async def _list(ask: Ask) -> Response[Any]:
    return await _page(ask)


async def _page(ask: Ask, refused: Refused | None = None) -> Response[Any]:
    wrong: dict[str, Any] = {"problems": render.problems_of(refused, ask.t), "values": ask.form} if refused else {}
    return render.page(
        ask,
        "panel/members.html",
        status=refused.status if refused else 200,
        title=ask.t["members.title"],
        url=f"{ask.panel}/members",
        members=await member_store.members(ask.services.db, ask.account_id),
        invitations=await member_store.invitations(ask.services.db, ask.account_id),
        roles=[(role, ask.t[f"role.{role}"]) for role in GIVEN_ROLES],
        all_roles=list(Role),
        **wrong,
    )


async def _invite(ask: Ask) -> Response[Any]:
    try:
        await manage_members.invite(
            ask.services,
            _by(ask),
            mobile=ask.form.get("mobile", ""),
            role=ask.form.get("role", ""),
            account_name=ask.membership.account_name,
        )
    except Refused as refused:
        return await _page(ask, refused)
    return render.redirect(f"{ask.panel}/members", done="invited")


async def _withdraw(ask: Ask) -> Response[Any]:
    if not await member_store.withdraw(ask.services.db, _by(ask), ask.id("invitation")):
        raise NotFound
    return render.redirect(f"{ask.panel}/members", done="invitation_withdrawn")


async def _member(ask: Ask) -> Member:
    found = await member_store.member(ask.services.db, ask.account_id, ask.id("member"))
    if found is None:
        raise NotFound
    return found


async def _show_member(ask: Ask) -> Response[Any]:
    return _member_page(ask, await _member(ask))


def _member_page(ask: Ask, member: Member, refused: Refused | None = None) -> Response[Any]:
    wrong: dict[str, Any] = {"problems": render.problems_of(refused, ask.t), "values": ask.form} if refused else {}
    return render.page(
        ask,
        "panel/member.html",
        status=refused.status if refused else 200,
        title=ask.t["member.title"],
        members_url=f"{ask.panel}/members",
        url=f"{ask.panel}/members/{member.person_id}",
        member=member,
        touchable=member.role is not Role.OWNER and member.person_id != ask.person.id,
        roles=[(role, ask.t[f"role.{role}"]) for role in GIVEN_ROLES],
        **wrong,
    )


async def _change_role(ask: Ask) -> Response[Any]:
    member = await _member(ask)
    try:
        await manage_members.change_role(
            ask.services, _by(ask), member, ask.form.get("role", ""), account_name=ask.membership.account_name
        )
    except Refused as refused:
        return _member_page(ask, member, refused)
    return render.redirect(f"{ask.panel}/members", done="saved")


async def _remove(ask: Ask) -> Response[Any]:
    member = await _member(ask)
    try:
        await manage_members.remove(ask.services, _by(ask), member, account_name=ask.membership.account_name)
    except Refused as refused:
        return _member_page(ask, member, refused)
    return render.redirect(f"{ask.panel}/members", done="member_removed")


async def _show_hand_over(ask: Ask) -> Response[Any]:
    return _hand_over_page(ask, await _member(ask))


def _hand_over_page(ask: Ask, member: Member, refused: Refused | None = None) -> Response[Any]:
    return render.page(
        ask,
        "panel/hand_over.html",
        status=refused.status if refused else 200,
        title=ask.t["member.hand_over"],
        members_url=f"{ask.panel}/members",
        url=f"{ask.panel}/members/{member.person_id}/hand-over",
        member=member,
        problems=render.problems_of(refused, ask.t) if refused else {},
    )


async def _hand_over(ask: Ask) -> Response[Any]:
    member = await _member(ask)
    try:
        await manage_members.hand_over(
            ask.services, _by(ask), member, mobile=ask.person.mobile, account_name=ask.membership.account_name
        )
    except Refused as refused:
        return _hand_over_page(ask, member, refused)
    return render.redirect(f"{ask.panel}/members", done="handed_over")


async def _show_leave(ask: Ask) -> Response[Any]:
    return _leave_page(ask)


def _leave_page(ask: Ask, refused: Refused | None = None) -> Response[Any]:
    return render.page(
        ask,
        "panel/leave.html",
        status=refused.status if refused else 200,
        title=ask.t["leave.title"],
        url=f"{ask.panel}/leave",
        is_owner=ask.membership.role is Role.OWNER,
        problems=render.problems_of(refused, ask.t) if refused else {},
    )


async def _leave(ask: Ask) -> Response[Any]:
    try:
        await manage_members.leave(
            ask.services,
            _by(ask),
            ask.membership.role,
            mobile=ask.person.mobile,
            account_name=ask.membership.account_name,
        )
    except Refused as refused:
        return _leave_page(ask, refused)
    return render.redirect("/app", done="left")


async def _invitations(ask: Ask) -> Response[Any]:
    return render.page(
        ask,
        "panel/invitations.html",
        title=ask.t["invitations.title"],
        url=_INVITATIONS,
        invitations=await member_store.invitations_to(ask.services.db, ask.person.mobile, ask.now),
    )


async def _invitation(ask: Ask) -> Invitation:
    """One of those that this person's number got. Raises `NotFound` for another's, and for one that is over."""
    wanted = ask.id("invitation")
    mine = await member_store.invitations_to(ask.services.db, ask.person.mobile, ask.now)
    found = next((one for one in mine if one.id == wanted), None)
    if found is None:
        raise NotFound
    return found


async def _accept(ask: Ask) -> Response[Any]:
    invitation = await _invitation(ask)
    await manage_members.accept(ask.services, ask.person, ask.ip, invitation)
    panel = f"/panel/{with_check_digit(invitation.account_id)}"
    sees_money = Allow.SEE_MONEY in ALLOWED[invitation.role]
    return render.redirect(panel if sees_money else f"{panel}/gateways", done="joined")


async def _decline(ask: Ask) -> Response[Any]:
    await manage_members.decline(ask.services, ask.person, ask.ip, await _invitation(ask))
    return render.redirect(_INVITATIONS, done="invitation_declined")


ROUTES: list[Route] = [
    Route("GET", _MEMBERS, _list, Allow.MANAGE_MEMBERS),
    Route("POST", _MEMBERS, _invite, Allow.MANAGE_MEMBERS, fresh=True),
    Route("POST", "/panel/{account}/invitations/{invitation}/withdraw", _withdraw, Allow.MANAGE_MEMBERS),
    Route("GET", _MEMBER, _show_member, Allow.MANAGE_MEMBERS),
    Route("POST", f"{_MEMBER}/role", _change_role, Allow.MANAGE_MEMBERS, fresh=True),
    Route("POST", f"{_MEMBER}/remove", _remove, Allow.MANAGE_MEMBERS),
    # Whoever holds the Rmz gives it away with the account: the owner's alone.
    Route("GET", f"{_MEMBER}/hand-over", _show_hand_over, Allow.HOLD_RMZ, fresh=True),
    Route("POST", f"{_MEMBER}/hand-over", _hand_over, Allow.HOLD_RMZ, fresh=True),
    Route("GET", "/panel/{account}/leave", _show_leave, Allow.ENTER),
    Route("POST", "/panel/{account}/leave", _leave, Allow.ENTER),
    Route("GET", _INVITATIONS, _invitations, Door.PERSON),
    Route("POST", f"{_INVITATIONS}/{{invitation}}/accept", _accept, Door.PERSON),
    Route("POST", f"{_INVITATIONS}/{{invitation}}/decline", _decline, Door.PERSON),
    *notifications.ROUTES,
]
