"""THE list of the kinds of banks that MoPos can speak to. A new one is one line here (docs/howto/add-a-bank.md)."""

from __future__ import annotations

from mopos.banks import mellat, sadad, saman, sandbox, zarinpal
from mopos.banks.kind import Kind

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        sandbox.KIND,
        mellat.KIND,
        sadad.KIND,
        saman.KIND,
        zarinpal.KIND,
    )
}
