"""Spectra as lines."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np

from .canvas import UNITS, colormap, library, note, short, writable
from .content import Spectra, Spectrum

__all__ = ["lines", "spectra_figure"]

# Spectra that share one pair of axes; more of them get axes of their own.
_TOGETHER: Final = 6


def spectra_figure(figure: Any, spectra: Spectra, cmap: str) -> None:
    """Draw spectra onto an empty figure: over each other, side by side, or as they follow in time."""
    if spectra.in_time:
        above, below = figure.subplots(2, 1, height_ratios=(3, 1.5))
        _in_time(figure, above, below, spectra, cmap)
    elif len(spectra.shown) <= _TOGETHER or _chained(spectra):
        lines(figure.subplots(), spectra)
    else:
        _grid(figure, spectra)


def lines(ax: Any, spectra: Spectra) -> None:
    """Draw spectra over each other."""
    single = len(spectra.shown) == 1
    for number, each in enumerate(spectra.shown):
        colour = f"C{number % 10}"
        _curve(ax, each, colour, band=len(spectra.shown) <= _TOGETHER)
    _spectral_labels(ax, spectra)
    _limits(ax, spectra.shown)
    if single:
        label = spectra.shown[0].label
        label = "" if label == "1" else label
        ax.set_title(writable(short(label, 90)), fontsize="small", loc="left")
    else:
        ax.legend(fontsize="x-small", ncols=2 if len(spectra.shown) > 6 else 1)
    if spectra.count > len(spectra.shown):
        some = f"the first {len(spectra.shown)} of {spectra.count} spectra"
        ax.set_title(some, fontsize="small", loc="left")


def _curve(ax: Any, each: Spectrum, colour: str, *, band: bool) -> None:
    wave, flux = each.wavelength, each.flux
    if band and each.error is not None:
        good = np.isfinite(flux) & np.isfinite(each.error)
        ax.fill_between(
            wave, flux - each.error, flux + each.error, where=good, color=colour, alpha=0.2,
            linewidth=0, label="_error",
        )  # fmt: skip
    # A point between two that do not count would not be seen as a line.
    good = np.isfinite(flux)
    alone = good & ~np.concatenate([[False], good[:-1]]) & ~np.concatenate([good[1:], [False]])
    ax.plot(wave, flux, color=colour, linewidth=0.8, label=writable(short(each.label, 40)))
    if alone.any():
        ax.plot(wave[alone], flux[alone], ".", color=colour, markersize=3, label="_alone")


def _spectral_labels(ax: Any, spectra: Spectra) -> None:
    unit = UNITS.get(spectra.wavelength_unit, spectra.wavelength_unit)
    known = unit != "point"
    wave = f"wavelength [{unit}]" if known else "point (the table has no wavelengths)"
    ax.set_xlabel(writable(wave), fontsize="small")
    name = spectra.column.replace("_", " ").lower()
    name = {"surf bright": "surface brightness"}.get(name, name)
    ax.set_ylabel(writable(f"{name} [{spectra.unit}]" if spectra.unit else name), fontsize="small")
    ax.tick_params(labelsize="small")
    ax.yaxis.get_offset_text().set_fontsize("small")
    ax.grid(alpha=0.25)


def _grid(figure: Any, spectra: Spectra) -> None:
    shown = spectra.shown
    columns = 2 if len(shown) <= 8 else 3
    axes = figure.subplots(math.ceil(len(shown) / columns), columns, squeeze=False)
    for ax in axes.flat[len(shown) :]:
        ax.set_axis_off()
    for ax, each in zip(axes.flat, shown, strict=False):
        _curve(ax, each, "C0", band=True)
        ax.set_title(writable(short(each.label, 40)), fontsize="x-small", loc="left")
        ax.tick_params(labelsize="xx-small")
        ax.yaxis.get_offset_text().set_fontsize("xx-small")
        ax.grid(alpha=0.25)
        _limits(ax, [each])
    unit = UNITS.get(spectra.wavelength_unit, spectra.wavelength_unit)
    wave = f"wavelength [{unit}]" if unit != "point" else "point"
    count = (
        f"the first {len(shown)} of {spectra.count} spectra; "
        if (spectra.count > len(shown))
        else ""
    )
    figure.supxlabel(writable(f"{count}{wave}"), fontsize="small")
    name = spectra.column.replace("_", " ").lower()
    figure.supylabel(
        writable(f"{name} [{spectra.unit}]" if spectra.unit else name), fontsize="small"
    )


def _in_time(figure: Any, above: Any, below: Any, spectra: Spectra, cmap: str) -> None:
    """Draw spectra that follow each other in time, and what each sums up to."""
    colours = colormap(cmap)
    numbers = np.array([each.number for each in spectra.shown])
    norm = library("colors").Normalize(numbers.min(), numbers.max())
    for each in spectra.shown:
        above.plot(
            each.wavelength, each.flux, color=colours(norm(each.number)), linewidth=0.5,
            label="_spectrum",
        )  # fmt: skip
    _spectral_labels(above, spectra)
    _limits(above, spectra.shown)
    bar = figure.colorbar(library("cm").ScalarMappable(norm, colours), ax=above, pad=0.01)
    bar.set_label("integration", fontsize="small")
    bar.ax.yaxis.set_major_locator(library("ticker").MaxNLocator(integer=True))
    some = f"{len(spectra.shown)} of {spectra.count} integrations"
    above.set_title(some, fontsize="small", loc="left")
    white = np.array([_nanmean(each.flux) for each in spectra.shown])
    below.plot(numbers, white, ".-", linewidth=0.6, color="#2a6f97")
    below.set_xlabel("integration")
    below.set_ylabel(writable(f"mean\n[{spectra.unit}]" if spectra.unit else "mean", lines=True))
    below.xaxis.set_major_locator(library("ticker").MaxNLocator(integer=True))
    below.grid(alpha=0.25)
    if not np.isfinite(white).any():
        note(below, "no value")


def _chained(spectra: Spectra) -> bool:
    """Tell whether spectra follow each other in wavelength rather than lie over each other."""
    spans = sorted(
        (float(each.wavelength.min()), float(each.wavelength.max()))
        for each in spectra.shown
        if each.wavelength.size
    )
    lengths = sum(high - low for low, high in spans)
    reach = max((high for _, high in spans), default=0.0) - (spans[0][0] if spans else 0.0)
    return lengths <= 1.5 * reach


def _limits(ax: Any, shown: list[Spectrum]) -> None:
    """Show all wavelengths, let a few wild points not flatten the rest, and say how many lie outside."""
    waves = np.concatenate([each.wavelength for each in shown])
    values = np.concatenate([each.flux for each in shown])
    good = values[np.isfinite(values)]
    if waves.size and waves.min() < waves.max():
        # Points without a value have a place as well.
        margin = 0.02 * float(waves.max() - waves.min())
        ax.set_xlim(float(waves.min()) - margin, float(waves.max()) + margin)
    if not good.size:
        note(ax, "no value: every point is NaN or flagged" if values.size else "no points")
        return
    if good.size < values.size / 2:
        many = f"{good.size} of {values.size} points have a value"
        ax.annotate(
            many, (0.01, 0.97), xycoords="axes fraction", ha="left", va="top", fontsize="x-small"
        )
    low, left, right, high = (float(v) for v in np.percentile(good, (0, 1, 99, 100)))
    reach = right - left
    if reach > 0 and high - low > 20 * reach:
        bottom, top = max(low, left - reach / 2), min(high, right + reach / 2)
        outside = int(((good < bottom) | (good > top)).sum())
        margin = 0.05 * (top - bottom)
        ax.set_ylim(bottom - margin, top + margin)
        ax.annotate(
            f"{outside} points outside", (0.99, 0.97), xycoords="axes fraction", ha="right",
            va="top", fontsize="x-small",
        )  # fmt: skip
    elif high > low:
        margin = 0.05 * (high - low)
        ax.set_ylim(low - margin, high + margin)


def _nanmean(values: Any) -> float:
    good = values[np.isfinite(values)]
    return float(good.mean()) if good.size else math.nan
