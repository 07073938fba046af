"""THE list of simulators, one for each kind of `catalogue.py`. For demos and tests: no part of the gateway."""

from __future__ import annotations

from mopos.banks import sandbox_sim
from mopos.banks.sim.state import Simulator

SIMS: dict[str, Simulator] = {"sandbox": sandbox_sim.SIM}
