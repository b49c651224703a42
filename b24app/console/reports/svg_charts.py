"""The shapes of our pictures, for an SVG that is stretched to its box; every word and number stands in HTML beside it.

A plot is 100 units high, and each of its cells 10 wide.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

CELL, BAR = 10, 6
MOST_LINES = 4  # of a grid, but for its base
NICE = (1, 2, 5, 10)
FLOORS = (97, 94, 88, 85, 70, 40)  # percent: where a scale of rates may begin, three lines from the top


@dataclass(frozen=True, slots=True)
class Plot:
    """`ticks` from the top down; `grid` a path of lines; `labels` one for each cell, most of them empty."""

    cells: int
    ticks: Sequence[int]
    labels: Sequence[str]

    @property
    def width(self) -> int:
        return self.cells * CELL

    @property
    def grid(self) -> str:
        steps = len(self.ticks) - 1
        return "".join(f"M0 {_short(100 * step / steps)}h{self.width}" for step in range(steps))


@dataclass(frozen=True, slots=True)
class Bars:
    """Stacked bars: a path for each kind, whose name is the end of a class."""

    plot: Plot
    paths: Sequence[tuple[str, str]]
    hints: Sequence[tuple[int, str]] = ()  # where a cell begins, and what is read when the pointer rests there


@dataclass(frozen=True, slots=True)
class Line:
    """A line with gaps where nothing can be told; `dots` stand alone or mark the lowest place."""

    plot: Plot
    line: str
    area: str
    dots: str = field(default="")

    @property
    def floor(self) -> int:
        return self.plot.ticks[-1]


def bars(stacks: Sequence[Sequence[int]], kinds: Sequence[str], labels: Sequence[str], hints: Sequence[str]) -> Bars:
    """A bar for each stack of counts, the first kind at the bottom; none is wider than a tenth of the picture."""
    wide = min(BAR, len(stacks))
    ticks = _ticks(max((sum(stack) for stack in stacks), default=0))
    paths: list[list[str]] = [[] for _kind in kinds]
    for cell, stack in enumerate(stacks):
        y = 100.0
        for path, count in zip(paths, stack, strict=True):
            height = 100 * count / ticks[0]
            y -= height
            if count:
                path.append(f"M{_short(cell * CELL + (CELL - wide) / 2)} {_short(y)}h{wide}v{_short(height)}h-{wide}z")
    drawn = [(kind, "".join(path)) for kind, path in zip(kinds, paths, strict=True) if path]
    places = [(cell * CELL, hint) for cell, hint in enumerate(hints)]
    return Bars(Plot(len(stacks), ticks, labels), drawn, places)


def rates(percents: Sequence[float | None], labels: Sequence[str]) -> Line | None:
    """A line of rates; None when not one of them can be told. The scale begins where it still shows the lowest."""
    told = [percent for percent in percents if percent is not None]
    if not told:
        return None
    floor = next((floor for floor in FLOORS if floor <= min(told)), 0)
    ticks = [100, 75, 50, 25, 0] if not floor else [100 - (100 - floor) // 3 * step for step in range(4)]
    points = [
        None if percent is None else (cell * CELL + CELL // 2, 100 * (100 - percent) / (100 - floor))
        for cell, percent in enumerate(percents)
    ]
    runs = _runs(points)
    lowest = min((point for run in runs for point in run), key=lambda point: -point[1])
    alone = [run[0] for run in runs if len(run) == 1]
    return Line(
        plot=Plot(len(percents), ticks, labels),
        line="".join(_path(run) for run in runs if len(run) > 1),
        area="".join(f"{_path(run)}L{run[-1][0]} 100L{run[0][0]} 100z" for run in runs if len(run) > 1),
        dots="".join(f"M{x} {_short(y)}h0" for x, y in dict.fromkeys([*alone, lowest])),
    )


def _runs(points: Sequence[tuple[int, float] | None]) -> list[list[tuple[int, float]]]:
    """What lies between the gaps."""
    runs: list[list[tuple[int, float]]] = [[]]
    for point in points:
        if point is None:
            runs.append([])
        else:
            runs[-1].append(point)
    return [run for run in runs if run]


def _path(run: Sequence[tuple[int, float]]) -> str:
    return "M" + "L".join(f"{x} {_short(y)}" for x, y in run)


def _ticks(most: int) -> list[int]:
    """From the top down to 0, in few round steps."""
    step = 1
    power = 1
    while step * MOST_LINES < most:
        step = next((nice * power for nice in NICE if nice * power * MOST_LINES >= most), 0)
        power *= 10
    top = max(1, -(-most // step)) * step
    return list(range(top, -1, -step))


def _short(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
