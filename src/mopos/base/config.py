"""One frozen `Settings`, read once from the environment (`MOPOS_*`), every field with its reason.

`docs/reference/settings.md` is made from the descriptions here.
"""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from mopos.base.secret import Secret


def default_data_dir() -> Path:
    """Where an installation keeps its embedded database: /var/lib for root, the user's own data folder otherwise."""
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        return Path("/var/lib/mopos")
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "mopos"


class Settings(BaseSettings):
    """All that can be set from outside. Every name is the field's, in capitals, behind `MOPOS_`."""

    model_config = SettingsConfigDict(env_prefix="MOPOS_", frozen=True, extra="ignore")

    database_url: str | None = Field(
        None,
        description="A PostgreSQL server (15 or newer), as a libpq address. Without it: an embedded one.",
    )
    data_dir: Path = Field(
        default_factory=default_data_dir,
        description="Folder of what is kept in files: uploaded documents, and the embedded PostgreSQL where there is "
        "no server.",
    )
    pg_bindir: Path | None = Field(
        None, description="Folder with `initdb` and `postgres` to use for the embedded server instead of the package's."
    )
    public_url: str = Field(
        "http://127.0.0.1:8000",
        description="The address under which browsers and merchants reach MoPos. All links and the WSDL are built from "
        "it, never from what a request claims to be its host.",
    )
    secret_key: SecretStr | None = Field(
        None,
        min_length=32,
        description="The key under which every `Rmz` is hashed, 32 characters or more. Whoever loses it makes every "
        "`Rmz` useless. With an embedded database it is made by itself and kept in the data folder.",
    )
    terminal_keys: SecretStr = Field(
        SecretStr(""),
        description="The keys under which terminals' credentials are encrypted, comma-separated, 32 characters or more "
        "each: the first encrypts, all of them decrypt. To change the key, put a new one in front and run "
        "`mopos terminal rotate-key`. The key made from `MOPOS_SECRET_KEY` is always the last of them.",
    )
    database_pool: int = Field(8, ge=1, le=100, description="Connections to PostgreSQL per process.")
    database_timeout_s: float = Field(
        10.0, gt=0, description="No statement and no wait for a connection takes longer; then the socket is closed."
    )
    trusted_proxies: str = Field(
        "", description="Addresses or networks, comma-separated, whose `X-Forwarded-For` is believed. Empty: nobody's."
    )
    purchase_lifetime_s: float = Field(
        1200.0,
        gt=0,
        description="How long a buyer has from the form to the bank's yes; then the bank is asked.",
    )
    bank_deadline_s: float = Field(
        10.0, gt=0, description="The longest that one call to a bank may take, all of it; then it is silence."
    )
    sweep_every_s: float = Field(5.0, gt=0, description="How often the worker looks for purchases that are due.")
    ask_again_s: float = Field(
        15.0,
        gt=0,
        description="The first wait before a silent bank is asked again; it doubles, up to an hour, or to a quarter "
        "of the bank's deadline while it can still confirm.",
    )
    sandbox_url: str = Field("http://127.0.0.1:8001", description="Where the sandbox bank listens.")
    sandbox_terminal: str = Field("10000001", description="Our terminal's number at the sandbox bank.")
    sandbox_key: SecretStr = Field(SecretStr("sandbox-key"), description="Our terminal's key at the sandbox bank.")
    sandbox_session_s: float = Field(
        900.0, gt=0, description="How long the sandbox bank lets a buyer stay on its page; both sides read it."
    )
    sandbox_give_back_s: float = Field(
        1800.0, gt=0, description="When the sandbox bank gives an unverified payment back; both sides read it."
    )
    sandbox_reverse_s: float = Field(
        10800.0, ge=0, description="How long after a payment the sandbox bank reverses it; both sides read it."
    )
    rmz_grace_s: float = Field(
        86400.0, ge=0, description="How long the old `Rmz` still works after a rotation, so that a shop can be changed."
    )
    wrong_rmz_max: int = Field(
        20,
        ge=1,
        description="Wrong `Rmz` from one address for one account, per minute, before Err 94.",
    )
    report_database_url: str | None = Field(
        None, description="A server for reports and lists, such as a replica. Without it they read the primary."
    )
    sms_url: str | None = Field(
        None,
        description="The SMS provider's API, in Kavenegar's form (`https://api.kavenegar.com`). Without it no message "
        "can be sent, so nobody can sign up.",
    )
    sms_key: SecretStr = Field(SecretStr(""), description="Our key at the SMS provider.")
    sms_sender: str = Field("", description="The line from which messages are sent; empty: the provider's default.")
    otp_per_address_max: int = Field(
        30,
        ge=1,
        description="One-time codes, and requests to be signed in by phone, from one address per hour. Mobile networks "
        "put many people behind one address; raise it where that refuses honest ones.",
    )
    inquiry_url: str | None = Field(
        None,
        description="The service that tells whose an IBAN (Sheba) is, in the form of Zibal's facility API "
        "(`https://api.zibal.ir`). Without it an operator checks it by hand.",
    )
    inquiry_key: SecretStr = Field(SecretStr(""), description="Our key at the inquiry service.")
    payout_url: str | None = Field(
        None,
        description="The service that takes payouts to the central bank, in the form of Jibit's transferor "
        "(`https://napi.jibit.ir/trf/v2`). Without it they go to the bank as files.",
    )
    payout_key: SecretStr = Field(SecretStr(""), description="Our key at the payout service.")
    payout_secret: SecretStr = Field(SecretStr(""), description="The secret beside our key at the payout service.")
    support_phone: str = Field("", description="Shown on pages that tell people to call support.")
    security_contact: str = Field(
        "",
        pattern=r"^((mailto:|https://|tel:)[!-~]+)?$",
        description="Whom to tell of a security hole, as an address (`mailto:security@pay.example.ir`, `https://...`, "
        "`tel:...`). It makes `/.well-known/security.txt` (RFC 9116); without it there is none.",
    )
    log_level: str = Field("info", description="debug, info, warning or error.")

    @field_validator("terminal_keys")
    @classmethod
    def _long_enough(cls, keys: SecretStr) -> SecretStr:
        if any(len(key.strip()) < 32 for key in keys.get_secret_value().split(",") if key.strip()):
            raise ValueError("each key needs 32 characters or more")
        return keys

    @field_validator("public_url")
    @classmethod
    def _without_slash(cls, url: str) -> str:
        return url.rstrip("/")

    @property
    def rmz_key(self) -> Secret:
        """The installation's key: for `Rmz` hashes, and by `key_for` for all else. Raises `LookupError` when there is
        none."""
        if self.secret_key is None:
            raise LookupError("MOPOS_SECRET_KEY is not set")
        return Secret(self.secret_key.get_secret_value())
