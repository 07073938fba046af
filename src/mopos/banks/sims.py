"""THE list of simulators, one for each kind of `catalogue.py`. For demos and tests: no part of the gateway."""

from __future__ import annotations

from mopos.banks import mellat_sim, sadad_sim, saman_sim, sandbox_sim, zarinpal_sim
from mopos.banks.sim.state import Simulator

SIMS: dict[str, Simulator] = {
    "sandbox": sandbox_sim.SIM,
    "mellat": mellat_sim.SIM,
    "sadad": sadad_sim.SIM,
    "saman": saman_sim.SIM,
    "zarinpal": zarinpal_sim.SIM,
}
