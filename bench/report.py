"""The figures of one run, for people."""

from __future__ import annotations

import statistics
from typing import Any

Figures = dict[str, Any]


def quantiles(times_s: list[float]) -> dict[str, float]:
    """p50 and p99 in milliseconds."""
    cuts = statistics.quantiles(times_s, n=100)
    return {"p50": cuts[49] * 1000, "p99": cuts[98] * 1000}


def median(rounds: list[Figures]) -> Figures:
    """The median of each figure over all rounds."""
    return {name: statistics.median([one[name] for one in rounds]) for name in rounds[0]}


def with_ratios(cpu: Figures) -> Figures:
    """The figures to quote, beside what they are made of (milliseconds of CPU per purchase, or per call)."""
    spent = cpu["gateway"] + cpu["postgres"]
    sql = cpu["floor_sql"]
    return cpu | {
        "ratio": spent / (cpu["floor_http"] + sql),
        "ratio_floor_without_bank": spent / (cpu["floor_http_without_bank"] + sql),
        "ratio_gateway": cpu["gateway"] / cpu["floor_http"],
        "ratio_postgres": cpu["postgres"] / sql,
        "pay_rep_ratio": (cpu["pay_rep_gateway"] + cpu["pay_rep_postgres"])
        / (cpu["floor_pay_rep_http"] + cpu["floor_pay_rep_sql"]),
    }


def as_text(result: Figures) -> str:
    """All of it, on one screen."""
    asked = result["statements"]
    return "\n".join(
        [
            *(_against_the_floor(result) if "ratio" in result["cpu_ms"] else []),
            f"median of {len(result['rounds'])} rounds of {result['purchases']} purchases, {result['concurrency']} at"
            f" once: {result['purchases_per_s']:.0f} purchases a second on {result['processors']} processors",
            "",
            "step, ms           p50     p99   CPU: gateway  PostgreSQL",
            *[_step(step, times, result["steps_cpu_ms"].get(step)) for step, times in result["steps_ms"].items()],
            "",
            f"{sum(row['calls'] for row in asked):.2f} statements a purchase, each one round trip;"
            f" {result['wal_bytes']:.0f} bytes of WAL",
            "  calls      ms     WAL",
            *[f"  {row['calls']:5.2f}{row['ms']:8.3f}{row['wal_bytes']:8.0f}  {row['sql'][:90]}" for row in asked],
        ]
    )


def _against_the_floor(result: Figures) -> list[str]:
    cpu, rounds = result["cpu_ms"], result["rounds"]

    def line(name: str, measured: float, floor: float) -> str:
        return f"  {name:<36}{measured:8.2f}{floor:8.2f}{measured / floor:8.2f}"

    def spread(name: str) -> str:
        values = [one[name] for one in rounds]
        return f"   rounds: {min(values):.2f} to {max(values):.2f}"

    spent = cpu["gateway"] + cpu["postgres"]
    asking, looking = cpu["pay_rep_gateway"], cpu["pay_rep_postgres"]
    bare, look = cpu["floor_pay_rep_http"], cpu["floor_pay_rep_sql"]
    return [
        f"CPU of gateway and PostgreSQL for a purchase, against the floor: {cpu['ratio']:.2f}",
        f"CPU of gateway and PostgreSQL for a PayRep, against the floor:   {cpu['pay_rep_ratio']:.2f}",
        "",
        "CPU, ms                               measured   floor   ratio",
        line("purchase: gateway / bare HTTP", cpu["gateway"], cpu["floor_http"]),
        line("purchase: PostgreSQL / pgbench", cpu["postgres"], cpu["floor_sql"]),
        line("purchase: both", spent, cpu["floor_http"] + cpu["floor_sql"]) + spread("ratio"),
        line("  when the floor calls no bank", spent, cpu["floor_http_without_bank"] + cpu["floor_sql"]),
        line("  PostgreSQL / pgbench at our pace", cpu["postgres"], result["floor_sql_at_our_pace_ms"]),
        line("PayRep: gateway / bare HTTP", asking, bare),
        line("PayRep: PostgreSQL / pgbench", looking, look),
        line("PayRep: both", asking + looking, bare + look) + spread("pay_rep_ratio"),
        "",
    ]


def _step(name: str, times: Figures, cpu: Figures | None) -> str:
    costs = f"{cpu['gateway']:15.2f}{cpu['postgres']:12.2f}" if cpu else ""
    return f"  {name:<14}{times['p50']:8.1f}{times['p99']:8.1f}{costs}"
