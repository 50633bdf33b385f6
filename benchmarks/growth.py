"""The plot of how cost grows: one panel per axis, seconds over the axis, as SVG that every browser and page shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

_WIDTH, _HEIGHT = 280, 220  # of a panel, pixels
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 16, 18, 44  # margins within it
_LINE, _TEXT, _GRID = "#2563eb", "#4b5563", "#e5e7eb"


def draw(panels: Mapping[str, Sequence[tuple[float, float]]]) -> str:
    """Return an SVG with a panel per entry: its name under the axis, points (place, seconds) as a line from 0.

    Axes are linear and begin at 0 on both sides, so that a straight line through the corner is proportional cost.
    """
    highest = max(seconds for points in panels.values() for _, seconds in points)
    step = _step(highest)
    top = step * (int(highest / step) + 1)
    parts = [
        _panel(name, points, top, step, index * _WIDTH) for index, (name, points) in enumerate(panels.items())
    ]
    size = f'width="{_WIDTH * len(panels)}" height="{_HEIGHT}" viewBox="0 0 {_WIDTH * len(panels)} {_HEIGHT}"'
    style = f'font-family="sans-serif" font-size="11" fill="{_TEXT}"'
    background = '<rect width="100%" height="100%" fill="white"/>'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} {style}>\n{background}\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )


def _step(highest: float) -> float:
    """Return the distance of grid lines: 1, 2 or 5 times a power of ten, four to eight lines."""
    step = 10.0**-3
    while True:
        for factor in (1, 2, 5):
            if highest / (step * factor) <= 8:
                return step * factor
        step *= 10


def _panel(name: str, points: Sequence[tuple[float, float]], top: float, step: float, offset: int) -> str:
    right, bottom = _WIDTH - _RIGHT, _HEIGHT - _BOTTOM
    furthest = max(place for place, _ in points)

    def x(place: float) -> float:
        return _LEFT + (right - _LEFT) * place / furthest

    def y(seconds: float) -> float:
        return bottom - (bottom - _TOP) * seconds / top

    parts = [f'<g transform="translate({offset} 0)">']
    for number in range(round(top / step) + 1):
        level = number * step
        parts.append(
            f'<line x1="{_LEFT}" x2="{right}" y1="{y(level):.1f}" y2="{y(level):.1f}" stroke="{_GRID}"/>'
        )
        parts.append(f'<text x="{_LEFT - 6}" y="{y(level) + 4:.1f}" text-anchor="end">{level:g} s</text>')
    path = " ".join(f"{x(place):.1f},{y(seconds):.1f}" for place, seconds in sorted(points))
    parts.append(f'<polyline points="{path}" fill="none" stroke="{_LINE}" stroke-width="2"/>')
    for place, seconds in points:
        parts.append(f'<circle cx="{x(place):.1f}" cy="{y(seconds):.1f}" r="3" fill="{_LINE}"/>')
        parts.append(f'<text x="{x(place):.1f}" y="{bottom + 15}" text-anchor="middle">{place:,.0f}</text>')
    middle = (_LEFT + right) / 2
    parts.append(
        f'<text x="{middle}" y="{bottom + 33}" text-anchor="middle" font-weight="bold">{escape(name)}</text>'
    )
    parts.append("</g>")
    return "\n".join(parts)
