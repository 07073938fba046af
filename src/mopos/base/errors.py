"""THE catalogue: everything that MoPos can refuse, in order of precedence.

Inside the house travel codes; their Persian and English sentences stand in `edges/i18n/texts.py`, and
`docs/reference/errors.md` is made from both. A code never changes its meaning.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Problem(NamedTuple):
    """One reason to refuse a request at a door."""

    code: str
    field: str
    """The guide's field that is wrong, or empty."""
    status: int
    """HTTP status of the page that says so."""
    try_again: bool = False
    """Whether the very same request may succeed later."""


# The order is the order in which a page lists them, and the first one gives the page its HTTP status.
PROBLEMS: tuple[Problem, ...] = (
    # The request as a whole.
    Problem("form_too_large", "", 413),
    Problem("form_too_slow", "", 408, try_again=True),
    Problem("form_unreadable", "", 400),
    Problem("field_repeated", "", 400),
    # The guide's fields, in the guide's order (section 3).
    Problem("id_missing", "ID", 400),
    Problem("id_unknown", "ID", 404),
    Problem("gateway_suspended", "ID", 403),
    Problem("gateway_closed", "ID", 403),
    Problem("res_missing", "Res", 400),
    Problem("res_too_long", "Res", 400),
    Problem("res_malformed", "Res", 400),
    Problem("amnt_missing", "Amnt", 400),
    Problem("amnt_not_a_number", "Amnt", 400),
    Problem("amnt_too_small", "Amnt", 400),
    Problem("amnt_too_large", "Amnt", 400),
    Problem("nam_too_long", "Nam", 400),
    Problem("dsc_too_long", "Dsc", 400),
    Problem("redirect_missing", "RedirectURL", 400),
    Problem("redirect_too_long", "RedirectURL", 400),
    Problem("redirect_malformed", "RedirectURL", 400),
    Problem("redirect_scheme", "RedirectURL", 400),
    Problem("redirect_credentials", "RedirectURL", 400),
    # What the gateway is set to.
    Problem("redirect_not_registered", "RedirectURL", 403),
    Problem("sig_wrong", "Sig", 403),
    Problem("sig_missing", "Sig", 403),
    Problem("unsigned_too_large", "Amnt", 403),
    # What the purchase itself refuses.
    Problem("res_used", "Res", 409),
    Problem("res_paid", "Res", 409),
    # The signed-in side: who may, then what was typed. Each area's stand together.
    Problem("form_expired", "", 403),
    Problem("not_allowed", "", 403),
    # Operators.
    Problem("operator_locked", "", 429, try_again=True),
    Problem("operator_wrong", "", 403),
    Problem("operator_begin_again", "", 403),
    Problem("operator_code_wrong", "code", 403),
    Problem("operator_passkey_wrong", "", 403),
    Problem("operator_self", "", 409),
    Problem("operator_last_admin", "", 409),
    Problem("operator_name_malformed", "name", 400),
    Problem("operator_name_used", "name", 409),
    Problem("operator_role_unknown", "role", 400),
    Problem("password_wrong", "old", 403),
    Problem("password_length", "password", 400),
    Problem("password_guessable", "password", 400),
    Problem("password_differs", "again", 400),
    Problem("act_reason_missing", "reason", 400),
    Problem("act_reason_too_long", "reason", 400),
    Problem("proposal_own", "", 403),
    Problem("proposal_exists", "", 409),
    Problem("proposal_gone", "", 409),
    Problem("proposal_outdated", "", 409),
    Problem("correction_impossible", "", 409),
    Problem("evidence_missing", "bank_ref", 400),
    Problem("evidence_malformed", "bank_ref", 400),
    Problem("evidence_used", "bank_ref", 409),
    Problem("job_gone", "", 409),
    Problem("person_moved", "", 409),
    # People: numbers, one-time codes, second factors, passkeys, devices.
    Problem("person_barred", "", 403),
    Problem("mobile_malformed", "mobile", 400),
    Problem("otp_too_many", "mobile", 429, try_again=True),
    Problem("otp_too_many_here", "", 429, try_again=True),
    Problem("sms_not_sent", "", 502, try_again=True),
    Problem("otp_wrong", "code", 400),
    Problem("otp_over", "code", 400),
    Problem("factor_wrong", "code", 400),
    Problem("factor_locked", "code", 429, try_again=True),
    Problem("totp_wrong", "code", 400),
    Problem("factor_there", "", 409),
    Problem("factor_last", "", 409),
    Problem("passkey_refused", "", 400),
    Problem("passkey_unknown", "", 400),
    Problem("device_name", "name", 400),
    Problem("devices_too_many", "", 409),
    Problem("request_over", "", 410),
    Problem("not_this_device", "", 403),
    # Integration and branding.
    Problem("rmz_wrong", "rmz", 403),
    Problem("brand_name_too_long", "name", 400),
    Problem("brand_colour_malformed", "colour", 400),
    Problem("brand_logo_too_large", "logo", 413),
    Problem("brand_logo_dimensions", "logo", 400),
    Problem("brand_logo_unreadable", "logo", 400),
    # Applications for a gateway.
    Problem("applications_too_many", "", 409),
    Problem("application_moved", "", 409),
    Problem("profile_name_missing", "", 400),
    Problem("profile_id_missing", "", 400),
    Problem("profile_iban_missing", "", 400),
    Problem("title_missing", "title", 400),
    Problem("title_too_long", "title", 400),
    Problem("site_missing", "site", 400),
    Problem("site_malformed", "site", 400),
    Problem("business_missing", "business", 400),
    Problem("business_too_short", "business", 400),
    Problem("business_too_long", "business", 400),
    Problem("monthly_missing", "monthly", 400),
    Problem("monthly_not_a_number", "monthly", 400),
    Problem("message_missing", "text", 400),
    Problem("message_too_long", "text", 400),
    Problem("messages_too_many", "text", 409),
    Problem("reason_missing", "reason", 400),
    Problem("reason_too_long", "reason", 400),
    Problem("suspension_needs_two", "", 409),
    Problem("sure_missing", "sure", 400),
    # What a gateway is set to.
    Problem("gateway_is_closed", "", 409),
    Problem("gateway_moved", "", 409),
    Problem("domain_malformed", "domain", 400),
    Problem("domain_there", "domain", 409),
    Problem("domains_too_many", "domain", 409),
    Problem("sources_malformed", "sources", 400),
    Problem("sources_too_many", "sources", 400),
    Problem("unsigned_max_not_a_number", "unsigned_max", 400),
    Problem("sig_key_missing", "signed_only", 409),
    # Account: profile, bank account, documents, members.
    Problem("account_kind_unknown", "kind", 400),
    Problem("account_name_missing", "name", 400),
    Problem("account_name_too_long", "name", 400),
    Problem("national_id_wrong", "national_id", 400),
    Problem("legal_id_wrong", "national_id", 400),
    Problem("account_enamad_too_long", "enamad", 400),
    Problem("tax_code_wrong", "tax_code", 400),
    Problem("account_address_too_long", "address", 400),
    Problem("iban_malformed", "iban", 400),
    Problem("iban_wrong_digits", "iban", 400),
    Problem("iban_changed_too_often", "iban", 429),
    Problem("document_kind_unknown", "document", 400),
    Problem("document_missing", "file", 400),
    Problem("document_too_large", "file", 413),
    Problem("document_type_unknown", "file", 415),
    Problem("document_picture_too_large", "file", 413),
    Problem("document_broken", "file", 400),
    Problem("document_known", "file", 409),
    Problem("too_many_documents", "file", 409),
    Problem("invited_mobile_wrong", "mobile", 400),
    Problem("member_role_unknown", "role", 400),
    Problem("member_already", "mobile", 409),
    Problem("invited_already", "mobile", 409),
    Problem("invited_too_many", "mobile", 429),
    Problem("invitation_over", "", 409),
    Problem("member_is_you", "", 409),
    Problem("member_is_owner", "", 409),
    Problem("member_changed", "", 409),
    Problem("owner_cannot_leave", "", 409),
    # Filters of purchases, saved filters, exports.
    Problem("filter_number", "number", 400),
    Problem("filter_res", "res", 400),
    Problem("filter_ref", "ref", 400),
    Problem("filter_text", "text", 400),
    Problem("filter_amount", "amount", 400),
    Problem("filter_amount_min", "amount_min", 400),
    Problem("filter_amount_max", "amount_max", 400),
    Problem("filter_amount_order", "amount_max", 400),
    Problem("filter_state", "state", 400),
    Problem("filter_since", "since", 400),
    Problem("filter_until", "until", 400),
    Problem("filter_date_order", "until", 400),
    Problem("filter_card", "card", 400),
    Problem("filter_card_whole", "card", 400),
    Problem("filter_gateway", "gateway", 400),
    Problem("saved_name", "name", 400),
    Problem("saved_empty", "", 400),
    Problem("saved_too_many", "name", 409),
    Problem("export_format", "format", 400),
    Problem("export_too_many", "", 409, try_again=True),
    # Fees.
    Problem("fee_plan_name_missing", "name", 400),
    Problem("fee_plan_name_too_long", "name", 400),
    Problem("fee_plan_name_used", "name", 409),
    Problem("fee_bearer_unknown", "bearer", 400),
    Problem("fee_rounding_unknown", "rounding", 400),
    Problem("fee_plan_unknown", "plan", 404),
    Problem("fee_plan_not_begun", "plan", 409),
    Problem("fee_from_malformed", "from", 400),
    Problem("fee_from_past", "from", 400),
    Problem("fee_from_used", "from", 409),
    Problem("fee_bracket_unreadable", "brackets", 400),
    Problem("fee_rate_wrong", "brackets", 400),
    Problem("fee_rial_too_large", "brackets", 400),
    Problem("fee_brackets_missing", "brackets", 400),
    Problem("fee_brackets_too_many", "brackets", 400),
    Problem("fee_first_not_nought", "brackets", 400),
    Problem("fee_bracket_twice", "brackets", 400),
    Problem("fee_cap_below_floor", "brackets", 400),
    Problem("fee_eats_amount", "brackets", 400),
    Problem("fee_falls", "brackets", 400),
    Problem("fee_gateway_unknown", "gateway", 404),
    Problem("fee_amount_wrong", "amount", 400),
    # Payout files and their results: the file as a whole, then one of its rows.
    Problem("batch_not_approved", "", 409),
    Problem("batch_has_stopped", "", 409),
    Problem("batch_goes_by_api", "", 409),
    Problem("batch_empty", "", 409),
    Problem("channel_unknown", "channel", 404),
    Problem("payer_not_set", "", 409),
    Problem("profile_unknown", "", 409),
    Problem("payout_file_not_made", "", 409),
    Problem("payout_file_moved", "", 409, try_again=True),
    Problem("payout_file_differs", "", 409),
    Problem("result_file_empty", "file", 400),
    Problem("result_file_too_large", "file", 413),
    Problem("result_file_unreadable", "file", 400),
    Problem("result_file_columns", "file", 400),
    Problem("result_file_too_many", "file", 413),
    Problem("result_row_cells", "file", 400),
    Problem("result_payout_missing", "file", 400),
    Problem("result_payout_malformed", "file", 400),
    Problem("result_payout_unknown", "file", 404),
    Problem("result_payout_differs", "file", 409),
    Problem("result_iban_wrong", "file", 400),
    Problem("result_amount_wrong", "file", 400),
    Problem("result_outcome_unknown", "file", 400),
    Problem("result_tracking_missing", "file", 400),
    Problem("result_tracking_wrong", "file", 400),
    Problem("result_date_wrong", "file", 400),
    Problem("result_reason_too_long", "file", 400),
    Problem("result_row_twice", "file", 409),
    # The bank, and ourselves.
    Problem("bank_unavailable", "", 502, try_again=True),
    Problem("page_not_found", "", 404),
    Problem("method_not_allowed", "", 405),
    Problem("too_many_requests", "", 429, try_again=True),
    Problem("out_of_order", "", 503, try_again=True),
)

BY_CODE: dict[str, Problem] = {problem.code: problem for problem in PROBLEMS}
_RANK: dict[str, int] = {problem.code: rank for rank, problem in enumerate(PROBLEMS)}

# What `PayRep` can answer in `Err` (guide section 4), the state's code (`payments/states.py`) among them.
# 12, 14, 15 and 16 are kept for what a merchant can do to a purchase later.
PAYREP_ERRORS: dict[int, str] = {
    0: "paid",
    1: "not_paid_yet",
    2: "at_bank",
    3: "being_confirmed",
    10: "declined",
    11: "cancelled_by_buyer",
    12: "cancelled_by_merchant",
    13: "expired",
    14: "reversed",
    15: "being_reversed",
    16: "refunded",
    20: "under_review",
    90: "wrong_id_or_rmz",
    91: "res_unknown",
    92: "source_not_allowed",
    93: "gateway_suspended",
    94: "too_many_calls",
    99: "out_of_order",
}


class Refused(Exception):
    """A request that the catalogue refuses. Carries all its problems at once, in the catalogue's order."""

    def __init__(self, codes: Sequence[str]) -> None:
        self.problems = tuple(BY_CODE[code] for code in sorted(set(codes), key=_RANK.__getitem__))
        super().__init__(", ".join(problem.code for problem in self.problems))

    @property
    def status(self) -> int:
        """The HTTP status of the first problem."""
        return self.problems[0].status
