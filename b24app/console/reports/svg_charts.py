"""The shapes of the charts, for an SVG that is stretched to its box; all text stands in HTML beside it.

A plot is 100 units high, and each of its cells 10 wide.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

CELL, BAR = 10, 6
MOST_LINES = 4  # of a grid, without its base
NICE = (1, 2, 5, 10)
FLOORS = (97, 94, 88, 85, 70, 40)  # percent: where a scale of rates may begin, three lines from the top


@dataclass(frozen=True, slots=True)
class Plot:
    """`ticks` from the top down; `grid` is a path of lines; `labels` has one for each cell, most of them empty."""

    cells: int
    ticks: Sequence[int]
    labels: Sequence[str]

    @property
    def width(self) -> int:
        return self.cells * CELL

    @property
    def grid(self) -> str:
        steps = len(self.ticks) - 1
        return "".join(f"M0 {_format_coordinate(100 * step / steps)}h{self.width}" for step in range(steps))


@dataclass(frozen=True, slots=True)
class Hit:
    """What lies over a cell of a chart for the pointer: a tooltip, and a link if `href` is not empty."""

    hint: str
    href: str = ""


@dataclass(frozen=True, slots=True)
class BarChart:
    """Stacked bars: a path for each kind, whose name is the end of a CSS class. A hit for each cell, or none."""

    plot: Plot
    paths: Sequence[tuple[str, str]]
    hits: Sequence[Hit] = ()


@dataclass(frozen=True, slots=True)
class LineChart:
    """A line with gaps where there is no value; `dots` stand alone or mark the lowest point."""

    plot: Plot
    line: str
    area: str
    dots: str = field(default="")
    hits: Sequence[Hit] = ()

    @property
    def floor(self) -> int:
        return self.plot.ticks[-1]


def draw_bars(
    stacks: Sequence[Sequence[int]], kinds: Sequence[str], labels: Sequence[str], hits: Sequence[Hit]
) -> BarChart:
    """Draw a bar for each stack of counts, the first kind at the bottom; none is wider than a tenth of the chart."""
    wide = min(BAR, len(stacks))
    ticks = _axis_ticks(max((sum(stack) for stack in stacks), default=0))
    paths: list[list[str]] = [[] for _kind in kinds]
    for cell, stack in enumerate(stacks):
        y = 100.0
        for path, count in zip(paths, stack, strict=True):
            height = 100 * count / ticks[0]
            y -= height
            if count:
                x = _format_coordinate(cell * CELL + (CELL - wide) / 2)
                path.append(f"M{x} {_format_coordinate(y)}h{wide}v{_format_coordinate(height)}h-{wide}z")
    drawn = [(kind, "".join(path)) for kind, path in zip(kinds, paths, strict=True) if path]
    return BarChart(Plot(len(stacks), ticks, labels), drawn, hits)


def draw_rates(percents: Sequence[float | None], labels: Sequence[str], hits: Sequence[Hit] = ()) -> LineChart | None:
    """Draw a line of rates; None without any. The scale begins where it still shows the lowest."""
    present = [percent for percent in percents if percent is not None]
    if not present:
        return None
    floor = next((floor for floor in FLOORS if floor <= min(present)), 0)
    ticks = [100, 75, 50, 25, 0] if not floor else [100 - (100 - floor) // 3 * step for step in range(4)]
    points = [
        None if percent is None else (cell * CELL + CELL // 2, 100 * (100 - percent) / (100 - floor))
        for cell, percent in enumerate(percents)
    ]
    runs = _split_runs(points)
    lowest = min((point for run in runs for point in run), key=lambda point: -point[1])
    alone = [run[0] for run in runs if len(run) == 1]
    return LineChart(
        plot=Plot(len(percents), ticks, labels),
        line="".join(_line_path(run) for run in runs if len(run) > 1),
        area="".join(f"{_line_path(run)}L{run[-1][0]} 100L{run[0][0]} 100z" for run in runs if len(run) > 1),
        dots="".join(f"M{x} {_format_coordinate(y)}h0" for x, y in dict.fromkeys([*alone, lowest])),
        hits=hits,
    )


def _split_runs(points: Sequence[tuple[int, float] | None]) -> list[list[tuple[int, float]]]:
    """Return the runs of points between the gaps."""
    runs: list[list[tuple[int, float]]] = [[]]
    for point in points:
        if point is None:
            runs.append([])
        else:
            runs[-1].append(point)
    return [run for run in runs if run]


def _line_path(run: Sequence[tuple[int, float]]) -> str:
    return "M" + "L".join(f"{x} {_format_coordinate(y)}" for x, y in run)


def _axis_ticks(most: int) -> list[int]:
    """Return round values from the top down to 0, in few steps."""
    step = 1
    power = 1
    while step * MOST_LINES < most:
        step = next((nice * power for nice in NICE if nice * power * MOST_LINES >= most), 0)
        power *= 10
    top = max(1, -(-most // step)) * step
    return list(range(top, -1, -step))


def _format_coordinate(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
