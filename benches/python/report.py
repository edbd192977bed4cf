"""What a run found, for others to read: JSON, a Markdown table, a plot; and whether it got worse."""

from __future__ import annotations

import importlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from asdfits.bench.contest import ratio, seconds, size
from asdfits.bench.timing import PEERS

FOLDER = Path(__file__).resolve().parents[1] / "results"
"""Where a full run writes."""

TOLERANCE = 1.3
"""How many times worse than stored a ratio may be."""

COLOURS = {
    "stdatamodels": "#3b6fb6",
    "asdf": "#7a5195",
    "astropy": "#e07b39",
    "fitsio": "#4a9a62",
}

FLOOR = "#8a8a8a"

LOWEST = 1e-3
"""Left end of the plot at most: a floor below it is drawn there."""

BAR = 0.15
"""Height of a bar, in inches."""

Results = Mapping[str, Any]
Readers = Mapping[str, Mapping[str, Any]]


# ----------------------------------------------------------------------
# Ratios


def peers_of(row: Results) -> dict[str, float]:
    """Return name -> median of the peers that do all that a row asks, fastest first."""
    readers: Readers = row["readers"]
    found = {
        name: each["median"]
        for name, each in readers.items()
        if each["package"] in PEERS and not each["partial"]
    }
    return dict(sorted(found.items(), key=lambda pair: pair[1]))


def floor_of(row: Results) -> tuple[str, float] | None:
    """Return name and median of the first floor of a row."""
    readers: Readers = row["readers"]
    return next(((name, r["median"]) for name, r in readers.items() if r["floor"]), None)


class Change(NamedTuple):
    """A ratio of a row that was stored and measured again; the smaller the better."""

    row: str
    to: str
    stored: float
    now: float

    @property
    def factor(self) -> float:
        """How many times worse it is."""
        return self.now / self.stored

    def __str__(self) -> str:
        """Return one line."""
        return (
            f"{self.row}: asdfits / {self.to} is {self.now:.3g}, stored {self.stored:.3g}: "
            f"{self.factor:.2f} times"
        )


def changes(now: Results, stored: Results) -> Iterator[Change]:
    """Yield asdfits / best peer and asdfits / floor of each row that both runs have.

    The best peer is the fastest, in the stored run, of those that took part in both.
    """
    old_rows = {row["name"]: row for row in stored["rows"]}
    for row in now["rows"]:
        old = old_rows.get(row["name"])
        if old is None or "asdfits" not in row["readers"] or "asdfits" not in old["readers"]:
            continue
        mine, theirs = row["readers"]["asdfits"]["median"], old["readers"]["asdfits"]["median"]
        peers, floor = peers_of(row), floor_of(row)
        best = next((name for name in peers_of(old) if name in peers), None)
        if best is not None:
            yield Change(
                row["name"], best, theirs / old["readers"][best]["median"], mine / peers[best]
            )
        if floor is not None and floor[0] in old["readers"]:
            yield Change(
                row["name"], floor[0], theirs / old["readers"][floor[0]]["median"], mine / floor[1]
            )


def compare(now: Results, stored: Results, tolerance: float = TOLERANCE) -> tuple[int, list[str]]:
    """Tell whether a run got worse than a stored one.

    Parameters
    ----------
    now, stored : mapping
        What two runs found.
    tolerance : float
        How many times worse a ratio may be.

    Returns
    -------
    status : int
        0 where none got worse, 3 where one did, 2 where the two cannot be compared.
    lines : list of str
        What is to be said of it.
    """
    if now["quick"] != stored["quick"]:
        kinds = {True: "small", False: "full"}
        return 2, [
            f"not comparable: this run read {kinds[now['quick']]} products, "
            f"the stored one {kinds[stored['quick']]} ones"
        ]
    found = list(changes(now, stored))
    if not found:
        return 2, ["not comparable: the two runs have no row in common"]
    lines = []
    for key in ("processor", "cores"):
        here, there = now["environment"].get(key), stored["environment"].get(key)
        if here != there:
            lines.append(f"note: {key} is {here}, stored {there}")
    gone = [r["name"] for r in stored["rows"] if r["name"] not in {c.row for c in found}]
    if gone:
        lines.append(f"note: {len(gone)} stored rows were not compared: {', '.join(gone)}")
    worse = [change for change in found if change.factor > tolerance]
    lines += [f"WORSE {change}" for change in worse]
    lines.append(f"{len(worse)} of {len(found)} ratios got worse by more than {tolerance:g} times")
    return (3 if worse else 0), lines


# ----------------------------------------------------------------------
# Table


def machine(results: Results) -> str:
    """Return one sentence on where and with what it was measured."""
    found = results["environment"]
    versions = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
    return (
        f"{found['processor'] or found['machine']}, {found['cores']} cores, {found['system']}, "
        f"Python {found['python']}; {versions}."
    )


def cell(text: str) -> str:
    """Return text that is one cell of a table."""
    return text.replace("|", "\\|").replace("\n", " ")


def markdown(results: Results) -> str:
    """Return a document with one table: row, asdfits, each peer and the floor with their ratios."""
    lines = [
        "# What the benches found",
        "",
        "Written by `make bench`; [how it is measured](../README.md). Medians of wall time of one run, "
        "answers compared before, files in the page cache. A ratio is that of the time to the time of "
        "asdfits: above 1 is slower than asdfits. Memory is how far the peak of resident memory rises "
        "in a process of its own; bytes are those that calls read, without pages of a mapped file.",
        "",
        machine(results),
        "",
    ]
    if results["quick"]:
        lines += ["**Small products, few rounds: a test of the answers, not of the speed.**", ""]
    lines += [
        "| row | reader | time | ratio | CPU time | peak memory | bytes read |",
        "|---|---|--:|--:|--:|--:|--:|",
    ]
    for row in results["rows"]:
        own = row["readers"].get("asdfits", {}).get("median")
        label = f"**{cell(row['name'])}**<br>{cell(row['subject'])}"
        for name, reader in row["readers"].items():
            shown = f"**{cell(name)}**" if name == "asdfits" else cell(name)
            lines.append(
                f"| {label} | {shown} | {seconds(reader['median'])} | {ratio(reader['median'], own)} "
                f"| {seconds(reader['median_cpu'])} | {size(reader['peak_memory'])} "
                f"| {size(reader['read_by_calls'])} |"
            )
            label = ""
        lines += [f"| | {cell(note)} | | | | | |" for note in row["notes"]]
        for verdict in row["targets"]:
            met = "met" if verdict["met"] else "**missed**"
            lines.append(
                f"| | target {cell(verdict['text'])} | {seconds(verdict['limit'])} | {met} | | | |"
            )
    return "\n".join(lines) + "\n"


# ----------------------------------------------------------------------
# Plot


class Bars(NamedTuple):
    """What the plot shows of a row: times by that of asdfits."""

    row: str
    peers: dict[str, float]
    floor: float | None

    @property
    def height(self) -> int:
        """How many bars fit beside each other."""
        return max(1, len(self.peers))


def bars(results: Results) -> list[Bars]:
    """Return the best of each package and the floor, for every row that has any."""
    found = []
    for row in results["rows"]:
        own = row["readers"].get("asdfits", {}).get("median")
        if not own:
            continue
        best: dict[str, float] = {}
        for name, median in peers_of(row).items():
            best.setdefault(row["readers"][name]["package"], median / own)
        floor = floor_of(row)
        if best or floor is not None:
            ordered = {name: best[name] for name in COLOURS if name in best}
            found.append(Bars(row["name"], ordered, None if floor is None else floor[1] / own))
    return found


def plot(results: Results, path: Path) -> bool:
    """Draw the ratios of all rows as bars on a log scale; False where matplotlib is not installed."""
    try:
        figures = importlib.import_module("matplotlib.figure")
        lines = importlib.import_module("matplotlib.lines")
        patches = importlib.import_module("matplotlib.patches")
    except ImportError:
        return False
    rows = bars(results)
    tall = max(1.0, BAR * sum(row.height + 0.7 for row in rows))
    figure = figures.Figure(figsize=(9, tall + 1.3), layout="constrained", facecolor="white")
    axes = figure.subplots()
    top = 0.0
    ticks = []
    for row in rows:
        ticks.append((top + (row.height - 1) / 2, row.row))
        draw(axes, row, top)
        top += row.height + 0.7
    values = [v for row in rows for v in (*row.peers.values(), row.floor or 1.0)] or [1.0]
    axes.set_xscale("log")
    axes.set_xlim(max(LOWEST, min(0.5, *values)) / 1.5, max(2.0, *values) * 3)
    axes.set_ylim(max(top, 1.0) - 0.7, -1)
    axes.axvline(1, color="#222222", linewidth=1)
    axes.set_yticks([at for at, _ in ticks], [name for _, name in ticks], fontsize=8)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color="#e4e4e4", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.set_xlabel("time / time of asdfits; right of the line: slower than asdfits", fontsize=9)
    versions = results["environment"]["versions"]
    handles = [
        patches.Patch(color=colour, label=f"{name} {versions.get(name, '')}")
        for name, colour in COLOURS.items()
        if any(name in row.peers for row in rows)
    ]
    if any(row.floor is not None for row in rows):
        handles.append(lines.Line2D([], [], color=FLOOR, linewidth=2, label="floor"))
    figure.legend(
        handles=handles,
        loc="outside upper center",
        ncols=len(handles) or 1,
        fontsize=8,
        frameon=False,
    )
    figure.savefig(path, dpi=110, metadata={"Software": None})
    return True


def draw(axes: Any, row: Bars, top: float) -> None:
    """Draw the bars of one row, the first at `top`, and the floor across them."""
    for number, (whose, value) in enumerate(row.peers.items()):
        axes.barh(top + number, value - 1, left=1, height=0.86, color=COLOURS[whose])
        axes.annotate(
            ratio(value, 1.0),
            (value, top + number),
            xytext=(3 if value >= 1 else -3, 0),
            textcoords="offset points",
            ha="left" if value >= 1 else "right",
            va="center",
            fontsize=6.5,
            color="#222222",
        )
    if row.floor is not None:
        at = max(row.floor, LOWEST)
        axes.plot([at, at], [top - 0.5, top + row.height - 0.5], color=FLOOR, linewidth=2)


# ----------------------------------------------------------------------
# Files


def as_json(results: Results) -> str:
    """Return what a run found, as text; a number that is none is refused."""
    return json.dumps(results, indent=1, allow_nan=False) + "\n"


def write(results: Results, folder: Path) -> list[str]:
    """Write ``results.json``, ``results.md`` and ``results.png``; return what is to be said of it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(as_json(results))
    (folder / "results.md").write_text(markdown(results))
    said = [f"written: results.json, results.md in {folder}"]
    if plot(results, folder / "results.png"):
        said.append("written: results.png")
    else:
        said.append("results.png is not written: matplotlib is not installed")
    return said


def load(path: Path) -> Results:
    """Return what an earlier run found.

    Raises
    ------
    ValueError
        If the file is none of a run.
    """
    try:
        found: Results = json.loads(path.read_text())
        rows: Sequence[Results] = found["rows"]
        good = all(
            math.isfinite(reader["median"]) and {"package", "floor", "partial"} <= reader.keys()
            for row in rows
            for reader in row["readers"].values()
        )
    except (json.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path}: found no results of a run: {error!r}") from error
    if not good or "quick" not in found or "environment" not in found:
        raise ValueError(f"{path}: found results of another version, expected those of this one")
    return found
