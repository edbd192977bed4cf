"""Pictures by matplotlib, without a window and without pyplot."""

from __future__ import annotations

import math
import textwrap
from importlib import import_module
from typing import Any, Final

import numpy as np

from . import reduced
from .axes import Sky, Wavelengths, cube_waves, sky, wavelengths
from .canvas import (
    UNITS,
    colormap,
    counted,
    figure_of,
    library,
    note,
    short,
    title,
    words,
    writable,
)
from .content import Content, Image, Nothing, Slits, Spectra, content
from .curves import lines, spectra_figure
from .scale import Scale, scale_of
from .shown import Shown

__all__ = ["draw", "plot"]

Key = tuple[slice | int, ...]

_GREY: Final = "#8a8a8a"
_COLOURS: Final = "viridis"


def plot(
    model: Shown,
    ax: Any = None,
    path: str | None = None,
    *,
    stretch: str = "asinh",
    cmap: str | None = None,
    section: Key = (),
    axes: str = "auto",
    most: int = 12,
    size: tuple[int, int] = (1000, 800),
) -> Any:
    """Draw a model; see `DataModel.plot`."""
    shown = content(model, path, most=most)
    options = _Options(model, stretch, cmap, section, axes, size)
    if ax is not None:
        _Artist(options).onto(ax, shown)
        return ax
    figure = figure_of(size)
    _Artist(options).whole(figure, shown)
    return figure


def draw(model: Shown, figure: Any, shown: Content, **options: Any) -> None:
    """Draw what there is to see in a model onto an empty figure."""
    _Artist(_Options(model, **options)).whole(figure, shown)


class _Options:
    """How a model is drawn."""

    def __init__(
        self,
        model: Shown,
        stretch: str = "asinh",
        cmap: str | None = None,
        section: Key = (),
        axes: str = "auto",
        size: tuple[int, int] = (1000, 800),
    ) -> None:
        scale_of([], stretch)  # says what is wrong with its name
        colormap(cmap or _COLOURS)
        self.model = model
        self.stretch = stretch
        self.cmap = cmap or _COLOURS
        self.section = section if isinstance(section, tuple) else (section,)
        self.axes = axes
        self.size = size


class _Artist:
    def __init__(self, options: _Options) -> None:
        self.options = options
        self.model = options.model
        self.small = options.size[0] < 600

    # -- a whole figure ----------------------------------------------------------------------

    def whole(self, figure: Any, shown: Content) -> None:
        """Draw onto an empty figure, with a title."""
        wide = self.options.size[0]
        figure.suptitle(
            title(self.model, wide // (6 if self.small else 9)),
            fontsize="x-small" if self.small else "medium",
        )
        if isinstance(shown, Image) and 0 not in shown.values.shape:
            self._image_figure(figure, shown)
        elif isinstance(shown, Slits):
            self._slits(figure, shown)
        elif isinstance(shown, Spectra):
            if self.options.section:
                raise ValueError("found a section; it is for images, and these are spectra")
            spectra_figure(figure, shown, self.options.cmap)
        else:
            words(figure.subplots(), _nothing(shown))

    def onto(self, ax: Any, shown: Content) -> None:
        """Draw the main part onto axes of the caller's."""
        if isinstance(shown, Slits):
            shown = shown.shown[0]
        if isinstance(shown, Image) and 0 not in shown.values.shape:
            plane, label, _ = self._plane(shown)
            self._pixels(ax, shown, plane, label)
            self._labels(ax, Sky(None, ""), None)
            name = ax.get_title(loc="left")
            ax.set_title("", loc="left")
            ax.set_title(f"{title(self.model)}\n{name}", fontsize="medium")
        elif isinstance(shown, Spectra):
            lines(ax, shown)
            ax.set_title("", loc="left")
            ax.set_title(title(self.model), fontsize="medium")
        else:
            words(ax, _nothing(shown))

    # -- images ------------------------------------------------------------------------------

    def _window(self, image: Image) -> tuple[slice, ...]:
        return reduced.window_of(image.values.shape, self.options.section)

    def _limit(self) -> tuple[int, int]:
        """Pixels that an image may take of the figure."""
        width, height = self.options.size
        return max(16, int(width * 0.8)), max(16, int(height * 0.85))

    def _plane(self, image: Image) -> tuple[reduced.Plane, str, Any]:
        """The image that stands for an array, what it is, and the line that goes with it."""
        window, limit = self._window(image), self._limit()
        axes = len(window) if image.kind == "values" else 2
        if axes == 3:
            found = reduced.collapsed(image, window, limit)
            count = window[0].stop - window[0].start
            some = f", every {_nth(found.step)}" if found.step > 1 else ""
            word = "plane" if image.along == "wavelength" else image.along
            what = f"mean of {count} {word}s{some}"
            if count == 1:
                what = f"{word} {window[0].start + 1} of {image.values.shape[0]}"
            return found.plane, what, (found.numbers, found.means)
        if axes == 4 and image.along == "group":
            shown, numbers, medians = reduced.ramp(image, window, limit)
            count = window[1].stop - window[1].start
            integration = window[0].start + 1
            whole = f"integration {integration} of {image.values.shape[0]}"
            what = f"last group less first, {whole}" if count > 1 else f"only group, {whole}"
            return shown, what, (numbers, medians)
        lead = "".join(f"[{each.start}]" for each in window[:-2])
        return reduced.plane(image, window, limit), lead, None

    def _image_figure(self, figure: Any, image: Image) -> None:
        plane, what, line = self._plane(image)
        places = sky(self.model, image, self.options.axes)
        waves = wavelengths(self.model, image, self._window(image))
        below = line is not None and len(line[0]) > 1
        projection = {} if places.wcs is None else {"projection": places.wcs}
        if places.wcs is not None:
            import_module("astropy.visualization.wcsaxes")
        grid = figure.add_gridspec(2 if below else 1, 1, height_ratios=(3, 1.2) if below else None)
        ax = figure.add_subplot(grid[0], **projection)
        drawn = self._pixels(ax, image, plane, what, f"; {places.source}")
        self._labels(ax, places, waves)
        if drawn is not None:
            if places.wcs is not None:
                # Axes of astropy do not tell the layout of what stands beside them.
                figure.get_layout_engine().set(rect=(0, 0, 0.88, 1))
            self._bar(ax, image, drawn)
        if below:
            self._line(figure.add_subplot(grid[1]), image, *line)

    def _pixels(
        self,
        ax: Any,
        image: Image,
        plane: reduced.Plane,
        what: str,
        more: str = "",
        *,
        named: bool = True,
    ) -> Scale | None:
        """Draw pixels, named if there is room for a note; return their scale, None without a value."""
        values = plane.values
        scale = scale_of(values, self.options.stretch)
        left, right, bottom, top = plane.extent
        high, wide = top - bottom, right - left
        thin = max(high, wide) > 4 * min(high, wide)
        colours = colormap(self.options.cmap).with_extremes(bad=_GREY)
        common = {"origin": "lower", "extent": plane.extent, "interpolation": "nearest"}
        common["aspect"] = "auto" if thin else "equal"
        if image.kind != "values":
            self._classes(ax, image, plane, common)
        elif scale is None:
            ax.imshow(values, cmap=colours, vmin=0, vmax=1, **common)
        else:
            norm = library("colors").FuncNorm(
                (scale.forward, scale.inverse), vmin=scale.low, vmax=scale.high, clip=False
            )
            ax.imshow(values, cmap=colours, norm=norm, **common)
        ax.set_xlim(plane.columns.start - 0.5, plane.columns.stop - 0.5)
        ax.set_ylim(plane.rows.start - 0.5, plane.rows.stop - 0.5)
        if named:
            name = ", ".join(part for part in (image.label, what) if part)
            name += _reduction(image, plane)
            constant = "" if scale is None or image.kind != "values" else _constant(values)
            small = "x-small" if self.small else "small"
            said = writable(f"{name}{constant}{more}")
            if self.small:
                said = "\n".join(textwrap.wrap(said, self.options.size[0] // 9))
            ax.set_title(said, fontsize=small, loc="left")
        if scale is None:
            say = "no value: every pixel is\nNaN or flagged DO_NOT_USE"
            ax.text(
                0.5, 0.5, say if named else "no value", transform=ax.transAxes, ha="center",
                va="center", wrap=True, fontsize="medium" if named else "x-small",
                bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.85},
            )  # fmt: skip
        return scale if image.kind == "values" else None

    def _classes(self, ax: Any, image: Image, plane: reduced.Plane, common: Any) -> None:
        """Flags as good, flagged and unusable; numbers of sources in colours that tell them apart."""
        colors = library("colors")
        rows, columns, step = plane.rows, plane.columns, plane.factor
        window = self._window(image)
        index = tuple(part.start for part in window[:-2])
        # A mean of flags means nothing: every n-th pixel stands for its block.
        raw = np.asarray(
            image.values[
                (
                    *index,
                    slice(rows.start, rows.stop, step),
                    slice(columns.start, columns.stop, step),
                )
            ]
        )
        if image.kind == "labels":
            shown = np.where(raw > 0, raw % 20 + 1, 0)
            palette = ["black", *colormap("tab20").colors]
            ax.imshow(shown, cmap=colors.ListedColormap(palette), vmin=0, vmax=20, **common)
            return
        shown = np.where(raw & 1, 2, np.where(raw != 0, 1, 0))
        palette = ["#f7f7f7", "#67a9cf", "#b2182b"]
        ax.imshow(shown, cmap=colors.ListedColormap(palette), vmin=-0.5, vmax=2.5, **common)
        patches = library("patches")
        names = ("no flag", "flagged", "DO_NOT_USE")
        share = [float(np.mean(shown == number)) if shown.size else 0.0 for number in range(3)]
        handles = [
            patches.Patch(facecolor=colour, edgecolor="black", label=f"{name} ({part:.1%})")
            for colour, name, part in zip(palette, names, share, strict=True)
        ]
        ax.legend(handles=handles, loc="upper right", fontsize="x-small")

    def _bar(self, ax: Any, image: Image, scale: Scale, count: int = 6) -> None:
        """Draw the colours beside the image, with values that are spread evenly along them.

        The bar is inside the image's axes: it stays beside an image that does not fill its place.
        """
        size = "x-small" if self.small or count < 6 else "small"
        # Wavelengths may stand on the right side already.
        left = (
            1.14 if any(each.yaxis.get_ticks_position() == "right" for each in _twins(ax)) else 1.03
        )
        beside = ax.inset_axes((left, 0, 0.035, 1))
        bar = ax.figure.colorbar(ax.images[0], cax=beside, extend="both", extendfrac=0.03)
        ticks, names = _ticks(scale, count)
        bar.set_ticks(ticks, labels=names, fontsize=size)
        bar.ax.minorticks_off()
        bar.set_label(writable(image.unit or "unit not known"), fontsize=size)

    def _labels(self, ax: Any, places: Sky, waves: Wavelengths | None) -> None:
        small = "x-small" if self.small else "small"
        if places.wcs is not None:
            _sky_labels(ax, small)
        else:
            ax.set_xlabel("column [pixel]", fontsize=small)
            ax.set_ylabel("row [pixel]", fontsize=small)
            ax.tick_params(labelsize=small)
            for axis in (ax.xaxis, ax.yaxis):
                axis.set_major_locator(
                    library("ticker").MaxNLocator("auto", integer=True, min_n_ticks=1)
                )
        if waves is not None and not self.small:
            _wave_axis(ax, waves)

    def _line(self, ax: Any, image: Image, numbers: Any, means: Any) -> None:
        """Draw what each plane of a cube, or each group of a ramp, holds."""
        x, label = numbers + 1.0, image.along
        if image.along == "wavelength":
            waves = cube_waves(self.model, image.values.shape[0])
            if waves is None:
                label = "plane (wavelengths are not told)"
            else:
                x, label = waves[numbers], "wavelength [µm]"
        many = len(x) > 60
        ax.plot(x, means, "-" if many else ".-", linewidth=0.8, color="#2a6f97")
        ax.set_xlabel(label, fontsize="small")
        unit = f"\n[{image.unit}]" if image.unit else ""
        word = "median" if image.along == "group" else "mean"
        ax.set_ylabel(writable(f"{word}{unit}", lines=True), fontsize="small")
        ax.tick_params(labelsize="small")
        if image.along != "wavelength":
            ax.xaxis.set_major_locator(library("ticker").MaxNLocator(integer=True))
        ax.grid(alpha=0.25)
        if not np.isfinite(means).any():
            note(ax, "no value")

    # -- slits -------------------------------------------------------------------------------

    def _slits(self, figure: Any, slits: Slits) -> None:
        shown = slits.shown
        columns = 1 if len(shown) <= 3 else 2 if len(shown) <= 8 else 3
        rows = math.ceil(len(shown) / columns)
        width, height = self._limit()
        axes = figure.subplots(rows, columns, squeeze=False)
        for ax in axes.flat[len(shown) :]:
            ax.set_axis_off()
        for ax, image in zip(axes.flat, shown, strict=False):
            if 0 in image.values.shape:
                words(ax, [image.label, "no pixels"])
                continue
            self._slit(ax, image, (width // columns, height // rows), len(shown) > 3)
        some = f"the first {len(shown)} of {slits.count} {slits.name}"
        unit = f" [{shown[0].unit}]" if shown[0].unit else ""
        what = some if len(shown) < slits.count else counted(slits.count, slits.name)
        limits = "; each in its own limits" if len(shown) > 1 else ""
        figure.supxlabel(
            writable(f"{what}{unit}; column and row in pixels{limits}"),
            fontsize="x-small",
        )

    def _slit(self, ax: Any, image: Image, limit: tuple[int, int], many: bool) -> None:
        window = self._window(image)
        if len(window) == 3:
            plane = reduced.collapsed(image, window, limit).plane
        else:
            plane = reduced.plane(image, window, limit)
        scale = self._pixels(ax, image, plane, "", named=not many)
        ax.set_aspect("auto")
        waves = wavelengths(self.model, image, window)
        span = "" if waves is None else f", {min(waves.values):.3g} to {max(waves.values):.3g} µm"
        name = short(image.label, 40)
        ax.set_title(writable(f"{name}{span}"), fontsize="x-small" if many else "small", loc="left")
        ax.tick_params(labelsize="xx-small" if many else "x-small")
        if scale is not None and not many:
            if waves is not None and not self.small:
                _wave_axis(ax, waves, size="x-small")
            self._bar(ax, image, scale, 4)


def _nothing(shown: Content) -> list[str]:
    if isinstance(shown, Nothing):
        return ["nothing to draw", *shown.lines]
    assert isinstance(shown, Image)
    return [f"{shown.path} has no pixels: its shape is {shown.values.shape}"]


def _nth(step: int) -> str:
    return {2: "second", 3: "third"}.get(step, f"{step}th")


def _ticks(scale: Scale, count: int = 6) -> tuple[list[float], list[str]]:
    """Values evenly spread in brightness, as short as they can be told apart, and their texts."""
    exact = scale.inverse(np.linspace(0.03, 0.97, count))
    gap = float(np.min(np.diff(exact)))
    digits = -math.floor(math.log10(gap / 2)) if gap > 0 and math.isfinite(gap) else 6
    found = sorted({round(float(value), digits) for value in exact})
    found = [value for value in found if scale.low <= value <= scale.high]
    largest = max((abs(value) for value in found), default=0.0)
    places = min(12, max(2, digits + math.floor(math.log10(largest)) + 1)) if largest else 3
    if largest < 1e6:
        places = max(places, math.floor(math.log10(largest)) + 1 if largest >= 1 else 1)
    return found, [f"{value:.{places}g}" for value in found]


def _sky_labels(ax: Any, small: str) -> None:
    for number, name in enumerate(("right ascension", "declination")):
        coordinate = ax.coords[number]
        coordinate.set_axislabel(name, fontsize=small)
        coordinate.set_ticklabel(size=small, exclude_overlapping=True)
    ax.coords.grid(color="white", alpha=0.25, linewidth=0.5)


def _wave_axis(ax: Any, waves: Wavelengths, size: str = "small") -> None:
    """Put wavelengths on the side across from the pixels."""
    order = np.argsort(waves.values)
    values, places = waves.values[order], waves.places[order]
    forward = np.argsort(waves.places)

    def to_waves(x: Any) -> Any:
        return np.interp(x, waves.places[forward], waves.values[forward])

    def to_places(x: Any) -> Any:
        return np.interp(x, values, places)

    # Ticks of our own: between pixels and wavelengths lies no line, and outside them nothing.
    low, high = ax.get_xlim() if waves.horizontal else ax.get_ylim()
    ends = to_waves(np.array([low, high]))
    ticks = (
        library("ticker")
        .MaxNLocator(8, steps=[1, 2, 2.5, 5, 10])
        .tick_values(float(ends.min()), float(ends.max()))
    )
    ticks = ticks[(ticks >= values[0]) & (ticks <= values[-1])]
    other = ax.twiny() if waves.horizontal else ax.twinx()
    axis = other.xaxis if waves.horizontal else other.yaxis
    (other.set_xlim if waves.horizontal else other.set_ylim)(low, high)
    axis.set_ticks(to_places(ticks), labels=[f"{tick:g}" for tick in ticks], fontsize=size)
    axis.set_label_text(f"wavelength [{UNITS.get(waves.unit, waves.unit)}]", fontsize=size)


def _reduction(image: Image, plane: reduced.Plane) -> str:
    """How pixels of the image became those of the picture."""
    if plane.factor == 1:
        return ""
    if image.kind != "values":
        return f"; every {_nth(plane.factor)} pixel"
    return f"; mean of {plane.factor}x{plane.factor} pixels"


def _constant(values: Any) -> str:
    good = values[np.isfinite(values)]
    return f"; all are {good[0]:.6g}" if good.size and good.min() == good.max() else ""


def _twins(ax: Any) -> list[Any]:
    """Other axes that lie over these."""
    return [
        each for each in ax.figure.axes if each is not ax and each.bbox.bounds == ax.bbox.bounds
    ]
