"""Bar charts as geometry: a template draws them as SVG with a title, a description and a table of the same numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

# In the SVG's own units; the page scales it.
WIDTH, HEIGHT = 640, 220
_LEFT, _TOP, _BOTTOM = 96, 14, 30
_PLOT = HEIGHT - _TOP - _BOTTOM
# Of a bar's place, what the bar takes.
_FILL = 0.72
# A bar that is not nought can be seen.
_LEAST = 2.0


class Bar(NamedTuple):
    """One bar: where it stands, and what is told of it."""

    x: float
    y: float
    width: float
    height: float
    middle: float
    label: str
    tick: bool
    """Whether its label is written below it."""
    told: str
    """Its value in words."""


class Grid(NamedTuple):
    """A line across the chart, and what its height means."""

    y: float
    value: int


class Chart(NamedTuple):
    """All that a template needs. `top` is the index of the highest bar."""

    bars: list[Bar]
    grid: list[Grid]
    top: int

    @property
    def is_empty(self) -> bool:
        return all(bar.height == 0 for bar in self.bars)


def bars(values: Sequence[int], labels: Sequence[str], told: Sequence[str], *, tick_every: int) -> Chart:
    """A chart of `values`, none of them negative."""
    highest = scale(max(values, default=0))
    place = (WIDTH - _LEFT) / max(1, len(values))
    drawn = []
    for number, value in enumerate(values):
        height = round(max(_LEAST, value / highest * _PLOT), 1) if value else 0.0
        start = _LEFT + number * place
        drawn.append(
            Bar(
                x=round(start + place * (1 - _FILL) / 2, 1),
                y=round(_TOP + _PLOT - height, 1),
                width=round(place * _FILL, 1),
                height=height,
                middle=round(start + place / 2, 1),
                label=labels[number],
                tick=number % tick_every == 0,
                told=told[number],
            )
        )
    grid = [Grid(round(_TOP + _PLOT * (1 - part / 2), 1), highest * part // 2) for part in (0, 1, 2)]
    top = max(range(len(values)), key=lambda number: values[number], default=0)
    return Chart(drawn, grid, top)


def scale(highest: int) -> int:
    """The least round number (1, 2 or 5 and noughts) that is not below the highest value."""
    power = 10
    while power < highest:
        power *= 10
    return next(step for step in (power // 5, power // 2, power) if step >= highest)
