from __future__ import annotations

import base64
import hashlib
import io
import re
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import asdfits
from asdfits import sample
from asdfits.cli import main
from asdfits.look.page import Made
from asdfits.look.tree import escaped, html_tree
from chromium import Page, browser, program
from conftest import real_files

EVIL = "</style></script><script>alert(1)</script><img src=x onerror=alert(1)>\"' \x00\x1b"

VOID = {"meta", "link", "img", "input", "br"}


class Element:
    """A part of a page: its tag, its attributes, what is in it."""

    def __init__(self, tag: str, attributes: dict[str, str]) -> None:
        self.tag, self.attributes = tag, attributes
        self.inside: list[Element | str] = []

    def all(self, tag: str, **attributes: str) -> list[Element]:
        found = []
        for each in self.inside:
            if isinstance(each, Element):
                fits = all(each.attributes.get(k.strip("_")) == v for k, v in attributes.items())
                if each.tag == tag and fits:
                    found.append(each)
                found += each.all(tag, **attributes)
        return found

    def every(self) -> Iterator[Element]:
        yield self
        for each in self.inside:
            if isinstance(each, Element):
                yield from each.every()

    @property
    def text(self) -> str:
        return "".join(each if isinstance(each, str) else each.text for each in self.inside)


class Reader(HTMLParser):
    """HTML as elements; fails where tags do not close each other."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.root = Element("", {})
        self.open = [self.root]
        self.feed(html)
        self.close()
        assert len(self.open) == 1, [each.tag for each in self.open]

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        assert len(element.attributes) == len(attrs)
        self.open[-1].inside.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.open[-1].inside.append(element)

    def handle_endtag(self, tag: str) -> None:
        assert self.open[-1].tag == tag
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.open[-1].inside.append(data)


def parsed(html: str) -> Element:
    return Reader(html).root


def edited_product() -> bytes:
    """A sample product of which another tool has changed a card, to something hostile."""
    content = sample.image_product()
    at = content.index(b"PI_NAME ")
    card = sample.card("PI_NAME", "<script>alert(1)</script>")
    return content[:at] + card + content[at + 80 :]


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / sample.NAME
    path.write_bytes(edited_product())
    return path


@pytest.fixture(scope="module")
def page(product: Path) -> Path:
    out = product.with_name("page.html")
    assert asdfits.look.report(product, out) == Made(str(out))
    return out


@pytest.fixture(scope="module")
def html(page: Path) -> Element:
    return parsed(page.read_text("utf-8"))


# -- the page -----------------------------------------------------------------------------------


def test_the_structure_of_a_page(html: Element) -> None:
    (root,) = html.all("html")
    assert root.attributes["lang"] == "en"
    assert [each.text for each in html.all("h1")] == [sample.NAME]
    for landmark in ("header", "nav", "main", "footer"):
        assert len(html.all(landmark)) == 1
    headings = [each.text for each in html.all("h2")]
    assert headings == [
        "Summary",
        "What is wrong",
        "Picture",
        "Conflicts",
        "HDUs",
        "Tree",
        "History",
    ]
    names = [each.attributes["id"] for each in html.every() if "id" in each.attributes]
    assert len(names) == len(set(names))
    for link in html.all("a"):
        assert link.attributes["href"].removeprefix("#") in names
    for section in html.all("section"):
        assert section.attributes["aria-labelledby"] in names
    first = next(each for each in html.all("body")[0].inside if isinstance(each, Element))
    assert (first.tag, first.attributes["class"]) == ("a", "skip")
    assert html.all("nav")[0].attributes["aria-label"]
    (label,) = html.all("label")
    assert html.all("input", id=label.attributes["for"])
    assert html.all("span", role="status")


def test_tables_have_captions_and_heads(html: Element) -> None:
    tables = html.all("table")
    assert len(tables) == 3
    for table in tables:
        assert table.all("caption")[0].text
        assert all(each.attributes["scope"] in ("col", "row") for each in table.all("th"))
        (head,) = table.all("thead")
        for row in table.all("tbody")[0].all("tr"):
            assert len(row.all("th")) == 1
            assert len(row.all("td")) == len(head.all("th")) - 1
    cells = [[cell.text for cell in row.all("td")] for row in tables[2].all("tr")]
    assert ["SCI", "1", "IMAGE", "24 x 32", "3,072"] in cells


def test_the_page_needs_nothing_else(page: Path, html: Element) -> None:
    for each in html.every():
        for name in ("src", "href", "action", "srcset", "poster", "data"):
            assert each.attributes.get(name, "#").startswith(("#", "data:"))
        assert not [name for name in each.attributes if name.startswith("on")]
    assert "@import" not in page.read_text("utf-8")
    assert "url(" not in page.read_text("utf-8")


def test_only_the_page_s_own_script_may_run(html: Element) -> None:
    (script,) = html.all("script")
    policy = html.all("meta", http_equiv="x") or [
        each for each in html.all("meta") if "http-equiv" in each.attributes
    ]
    content = policy[0].attributes["content"]
    digest = base64.b64encode(hashlib.sha256(script.text.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in content
    assert "default-src 'none'" in content
    assert "unsafe" not in content.replace("style-src 'unsafe-inline'", "")


def test_what_a_page_says(html: Element) -> None:
    sections = {each.attributes["id"]: each for each in html.all("section")}
    assert "cal: level 2b, stage 2" in sections["summary"].text
    assert "0 faults, 1 note" in sections["findings"].text
    assert "FITS overrides it" in sections["findings"].text
    assert "1 place where headers and tree disagree" in sections["conflicts"].text
    assert "'<script>alert(1)</script>'" in sections["conflicts"].text
    assert "Made by asdfits to show how a product is read" in sections["history"].text
    (picture,) = sections["picture"].all("img")
    assert picture.attributes["alt"].startswith(f"ImageModel of {sample.NAME}")
    assert base64.b64decode(picture.attributes["src"].partition(",")[2])[:4] == b"\x89PNG"
    (marked,) = sections["tree"].all("li", class_="conflict")
    assert marked.attributes["data-path"] == "meta.program.pi_name"
    assert marked.all("strong")[0].text.startswith("≠ PRIMARY,1 PI_NAME")
    paths = [each.attributes["data-path"] for each in sections["tree"].all("li")]
    assert {"meta.instrument.name", "meta.wcs", "data", "history.entries.0"} <= set(paths)
    wcs = next(
        each for each in sections["tree"].all("li") if each.attributes["data-path"] == "meta.wcs"
    )
    assert wcs.text == "wcs gwcs/wcs-1.4.0"
    data = next(
        each for each in sections["tree"].all("li") if each.attributes["data-path"] == "data"
    )
    assert data.text == "data float32 24 x 32 in HDU 1 (SCI,1)"


def colours() -> dict[str, dict[str, str]]:
    """The colours of both modes as the style sheet has them."""
    style = (Path(asdfits.look.__file__).parent / "report.css").read_text("utf-8")
    light, dark = re.findall(r":root \{(.*?)\}", style, re.S)
    found = [dict(re.findall(r"--(\w+): (#[0-9a-f]{6});", each)) for each in (light, dark)]
    return {"light": found[0], "dark": found[1]}


def luminance(colour: tuple[float, ...]) -> float:
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in colour]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """The contrast of two colours (WCAG 2.1)."""
    a, b = (
        luminance(tuple(int(each[at : at + 2], 16) / 255 for at in (1, 3, 5)))
        for each in (one, other)
    )
    return (max(a, b) + 0.05) / (min(a, b) + 0.05)


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_contrast_of_the_style_sheet(mode: str) -> None:
    found = colours()[mode]
    for text in ("text", "faint", "link", "key", "mark", "good"):
        assert contrast(found[text], found["back"]) >= 4.5, text
    for text in ("text", "key", "mark"):
        assert contrast(found[text], found["found"]) >= 4.5, text
    assert contrast(found["text"], found["panel"]) >= 4.5
    assert contrast(found["focus"], found["back"]) >= 3
    assert contrast(found["faint"], found["back"]) >= 3  # also the border of controls


def test_a_file_that_cannot_be_opened_has_a_page(tmp_path: Path) -> None:
    path = tmp_path / "bad<b>_cal.fits"
    content = bytearray(sample.image_product())
    content[0:80] = b"NONSENSE".ljust(80)
    path.write_bytes(content)
    made = asdfits.look.report(path)
    assert made.fault is not None
    html = parsed(Path(made.name).read_text("utf-8"))
    assert html.all("h1")[0].text == path.name
    assert "fault" in html.all("section", id="findings")[0].text
    assert main(["report", str(path), "-o", str(tmp_path / "again.html")]) == 1
    with pytest.raises(FileNotFoundError):
        asdfits.look.report(tmp_path / "none.fits")


def test_damaged_parts_do_not_cost_the_page(tmp_path: Path) -> None:
    path = tmp_path / "cut_cal.fits"
    content = sample.image_product((200, 200))
    path.write_bytes(content[:100_000])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = asdfits.look.report(path)
    html = parsed(Path(made.name).read_text("utf-8"))
    assert "fault" in html.all("section", id="findings")[0].text
    assert html.all("section", id="hdus") or made.fault


def test_the_command(product: Path, tmp_path: Path, capsysbinary: Any) -> None:
    out = tmp_path / "a.html"
    assert main(["report", str(product), "-o", str(out), "--no-picture"]) == 0
    before = out.read_bytes()
    assert b"<img" not in before
    assert main(["report", str(product), "-o", str(out)]) == 1
    assert b"--overwrite replaces it" in capsysbinary.readouterr().err
    assert main(["report", str(product), "-o", str(out), "--overwrite", "--no-picture"]) == 0
    assert main(["report", str(product), "-o", "-", "--no-picture"]) == 0
    assert capsysbinary.readouterr().out == before
    copy = tmp_path / "b_cal.fits"
    copy.write_bytes(product.read_bytes())
    assert main(["report", str(copy), "--no-picture"]) == 0
    assert capsysbinary.readouterr().out.decode().strip() == str(tmp_path / "b_cal.html")


def test_without_matplotlib_there_is_a_thumbnail(product: Path, tmp_path: Path) -> None:
    out = tmp_path / "a.html"
    code = (
        "import sys; sys.modules['matplotlib'] = None\n"
        "import asdfits.look\n"
        f"asdfits.look.report({str(product)!r}, {str(out)!r})"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    html = parsed(out.read_text("utf-8"))
    (section,) = html.all("section", id="picture")
    assert "pip install 'asdfits[plot]'" in section.text
    assert section.all("img")[0].attributes["src"].startswith("data:image/png")


@pytest.mark.parametrize("path", real_files(), ids=lambda path: path.name)
def test_real_files_have_a_page(path: Path, tmp_path: Path) -> None:
    out = tmp_path / "a.html"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = asdfits.look.report(path, out, picture=False)
    assert made.fault is None
    html = parsed(out.read_text("utf-8"))
    assert len(html.all("section")) >= 5
    assert out.stat().st_size < 3e6


# -- trees --------------------------------------------------------------------------------------


def test_text_is_escaped() -> None:
    assert escaped('<a href="x">\'&') == "&lt;a href=&quot;x&quot;&gt;&#x27;&amp;"
    assert escaped("\x00\x1b[2J\u202e") == "\ufffd\ufffd[2J\ufffd"
    assert escaped("x" * 50, 10) == "x" * 9 + "…"


def test_trees_are_bounded() -> None:
    tree: dict[str, Any] = {
        "long": list(range(1000)),
        "wide": {f"k{n}": n for n in range(500)},
        "text": "y" * 10_000,
        "last": 1,
    }
    deep: dict[str, Any] = {}
    tree["deep"] = deep
    for _ in range(100):
        deep["down"] = {}
        deep = deep["down"]
    deep["end"] = 1
    tree["round"] = tree
    html = html_tree(tree, rows=2000, items=10, text=50)
    root = parsed(html)
    assert "… 990 more" in root.text
    assert len(root.all("li")) < 600
    assert "k499" in root.text
    assert len(root.text) < 10_000
    few = parsed(html_tree(tree, rows=30, items=10))
    assert len(few.all("li", class_="more")) >= 1
    assert len(few.all("li")) < 40


def test_a_tree_with_hostile_keys_and_values() -> None:
    html = html_tree({EVIL: {EVIL: EVIL, "n": [EVIL]}, "b": b"<b>"}, rows=99, items=9, paths=True)
    root = parsed(html)
    assert {each.tag for each in root.every()} <= {
        "",
        "ul",
        "li",
        "details",
        "summary",
        "span",
        "small",
    }
    assert not [a for each in root.every() for a in each.attributes if a.startswith("on")]


# -- notebooks ----------------------------------------------------------------------------------


def shown(model: Any) -> Element:
    return parsed(model._repr_html_())


def test_what_a_notebook_shows(product: Path) -> None:
    with asdfits.open(product) as model:
        root = shown(model)
        assert "ndarray" in model.instance["data"].tag  # not made for it
    assert root.all("strong")[0].text == f"ImageModel(24, 32) from {sample.NAME}"
    folds = [each.all("summary")[0].text for each in root.all("details")]
    assert folds[:3] == ["conflicts", "HDUs (5)", "tree"]
    assert "SAMPLE-1" in root.text
    (picture,) = root.all("img")
    assert picture.attributes["alt"] == "data, (24, 32)"
    from matplotlib.image import imread

    pixels = imread(io.BytesIO(base64.b64decode(picture.attributes["src"].partition(",")[2])))
    assert pixels.shape == (48, 64, 3) or pixels.shape[0] * 32 == pixels.shape[1] * 24
    (marked,) = [each for each in root.all("li") if "conflict" in each.attributes.get("class", "")]
    assert "PI_NAME" in marked.text
    opened = [each for each in root.all("details") if "open" in each.attributes]
    assert any(each.all("summary")[0].text == "meta" for each in opened)  # the way to the conflict
    assert not root.all("script")
    style = root.all("style")[0].text
    assert "prefers-color-scheme: dark" in style
    assert "--jp-ui-font-color1" in style
    assert all(
        ".asdfits" in each or each.startswith(("@media", "}"))
        for each in re.findall(r"^(\S.*?)\s*\{", style, re.M)
    )


@pytest.mark.parametrize("dark", [False, True])
def test_contrast_in_a_notebook(dark: bool) -> None:
    style = (Path(asdfits.look.__file__).parent / "notebook.css").read_text("utf-8")
    back = "#111111" if dark else "#ffffff"  # as JupyterLab has it
    for name in ("mark", "key"):
        found = re.findall(rf"--asdfits-{name}: (#[0-9a-f]{{6}})", style)
        assert contrast(found[1 if dark else 0], back) >= 4.5


def test_notebooks_need_no_matplotlib(product: Path) -> None:
    code = (
        "import sys, asdfits\n"
        f"html = asdfits.open({str(product)!r})._repr_html_()\n"
        "assert '<img' in html\n"
        "assert not [n for n in ('matplotlib', 'astropy', 'asdf') if n in sys.modules]"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_spectrum_in_a_notebook_is_a_line() -> None:
    model = asdfits.MultiSpecModel()
    model.spec.append({"name": EVIL})
    table = np.zeros(3000, model.spec[0].get_dtype("spec_table"))
    table["WAVELENGTH"] = np.linspace(1, 5, 3000)
    table["FLUX"] = 1
    table["FLUX"][1507] = 9  # one point in 3000 is not lost
    model.spec[0].spec_table = table
    (svg,) = shown(model).all("svg")
    assert svg.attributes["role"] == "img"
    points = svg.all("polyline")[0].attributes["points"].split()
    assert len(points) < 500
    heights = [float(each.partition(",")[2]) for each in points]
    assert min(heights) < 20 < max(heights)


def test_models_that_hold_little() -> None:
    assert "ImageModel" in shown(asdfits.ImageModel()).text
    assert shown(asdfits.DataModel()).all("ul")
    model = asdfits.ImageModel(data=np.full((5, 5), np.nan, "f4"))
    assert shown(model).all("img")[0].attributes["alt"] == "data, (5, 5), no value in it"
    model = asdfits.ImageModel(data=np.zeros((0, 5), "f4"))
    assert not shown(model).all("img")
    model.close()
    assert "ImageModel" in shown(model).text
    model.meta.target.catalog_name = EVIL
    assert {each.tag for each in shown(model).every()}.isdisjoint({"script", "img"})
    model._instance["odd"] = threading.Lock()
    assert "lock" in shown(model).text


def test_a_damaged_file_in_a_notebook(tmp_path: Path) -> None:
    path = tmp_path / "cut_cal.fits"
    model = asdfits.ImageModel(data=np.zeros((200, 200), "f4"))
    model.save(path)
    path.write_bytes(path.read_bytes()[:60000])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        root = shown(asdfits.open(path))
    assert "picture: FormatError" in root.text
    assert root.all("table")


def test_a_notebook_stays_small() -> None:
    model = asdfits.MultiSlitModel()
    for number in range(300):
        model.slits.append({"name": f"s{number}", "source_alias": "x" * 5000})
    html = model._repr_html_()
    assert len(html) < 200_000
    assert "more" in html


# -- in a browser -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    if program() is None:
        pytest.skip("there is no Chromium (apt install chromium): pages are not looked at")
    with browser(tmp_path_factory.mktemp("profile")) as found:
        yield found


# The lowest contrast of any text with what lies behind it, and what text that is.
CONTRAST = """
(() => {
  const parse = (c) => c.match(/[\\d.]+/g).map(Number);
  const lum = (c) => [0.2126, 0.7152, 0.0722].reduce((sum, k, n) => {
    const v = c[n] / 255; return sum + k * (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  }, 0);
  let worst = [99, ""];
  for (const each of document.body.querySelectorAll("*")) {
    const own = [...each.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!own || !each.offsetParent) continue;
    let back = each, colour;
    for (; back; back = back.parentElement) {
      colour = parse(getComputedStyle(back).backgroundColor);
      if (colour.length < 4 || colour[3] > 0) break;
    }
    const a = lum(parse(getComputedStyle(each).color)), b = lum(colour);
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < worst[0]) worst = [ratio, each.outerHTML.slice(0, 100)];
  }
  return worst;
})()
"""


def picture(png: bytes) -> Any:
    from matplotlib.image import imread

    return imread(io.BytesIO(png))[..., :3]


def test_light_and_dark(chromium: Page, page: Path) -> None:
    chromium.size(1000, 800)
    brightness = {}
    for mode in ("light", "dark"):
        chromium.scheme(mode)
        chromium.open(page)
        chromium.run("document.getElementById('open').click()")
        ratio, where = chromium.run(CONTRAST)
        assert ratio >= 4.5, where
        assert chromium.complaints() == []
        brightness[mode] = picture(chromium.picture())
    assert np.median(brightness["light"]) > 0.95
    assert np.median(brightness["dark"]) < 0.15
    assert brightness["dark"].max() > 0.8  # there is something to read


# What reaches beyond the window, apart from what scrolls by itself.
WIDE = """
(() => {
  const root = document.documentElement;
  if (root.scrollWidth <= root.clientWidth) return [];
  return [root.scrollWidth, root.clientWidth, ...[...document.body.querySelectorAll("*")].filter(
    (each) => each.getBoundingClientRect().right > root.clientWidth && !each.closest(".scroll")
  ).map((each) => each.outerHTML.slice(0, 100))];
})()
"""


def test_nothing_sticks_out_of_a_narrow_window(chromium: Page, page: Path) -> None:
    chromium.scheme("light")
    for width in (320, 500, 1400):
        chromium.size(width, 700)
        chromium.open(page)
        chromium.run("document.getElementById('open').click()")
        found = chromium.run(WIDE)
        assert found == [], (width, found)


FOCUS = """
(() => {
  const at = document.activeElement, style = getComputedStyle(at);
  return [at.tagName, at.id || at.getAttribute("href") || at.textContent,
          style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0];
})()
"""


def test_all_of_it_by_keyboard(chromium: Page, page: Path) -> None:
    chromium.size(1000, 800)
    chromium.open(page)
    found = []
    for _ in range(60):
        chromium.press("Tab", 9)
        found.append(tuple(chromium.run(FOCUS)))
        if found[-1][0] == "SUMMARY":
            break
    assert all(visible for _, _, visible in found)
    names = [name for _, name, _ in found]
    assert names[0] == "#main"
    assert names[1:8] == [
        "#summary",
        "#findings",
        "#picture",
        "#conflicts",
        "#hdus",
        "#tree",
        "#history",
    ]
    assert [name for name in names if name in ("words", "open", "shut")] == [
        "words",
        "open",
        "shut",
    ]
    # The first branch opens and closes by a key.
    is_open = "document.activeElement.parentElement.open"
    before = chromium.run(is_open)
    chromium.press("Enter", 13, text="\r")
    assert chromium.run(is_open) is not before
    # The skip link goes where it says.
    chromium.open(page)
    chromium.press("Tab", 9)
    assert chromium.run("document.activeElement.getBoundingClientRect().left") >= 0
    chromium.press("Enter", 13, text="\r")
    assert chromium.run("location.hash") == "#main"


def test_search(chromium: Page, page: Path) -> None:
    chromium.open(page)

    def search(words: str) -> tuple[str, list[str]]:
        chromium.run(
            f"words.value = {words!r}; search.dispatchEvent(new Event('submit', {{cancelable: true}}))"
        )
        visible = """[...document.querySelectorAll('#nodes li')].filter(
            (each) => each.checkVisibility() && each.classList.contains('hit')
        ).map((each) => each.dataset.path)"""
        return chromium.run("hits.textContent"), chromium.run(visible)

    total = chromium.run("document.querySelectorAll('#nodes li').length")
    assert search("payne") == (f"1 of {total} lines", ["meta.program.pi_name"])
    _, paths = search("INSTRUMENT")
    assert paths == ["meta.instrument"]
    below = "document.querySelector('[data-path=\"meta.instrument.name\"]').hidden"
    assert chromium.run(below) is False  # what is in it can be opened
    assert search("meta.instrument.f")[1] == ["meta.instrument.filter"]
    assert search("<script>")[1] == ["meta.program.pi_name"]
    assert search("nothing of the kind") == (f"0 of {total} lines", [])
    assert search("") == ("", [])
    hidden = "[...document.querySelectorAll('#nodes li')].filter((each) => each.hidden).length"
    assert chromium.run(hidden) == 0
    assert chromium.complaints() == []


def test_without_javascript(chromium: Page, page: Path) -> None:
    chromium.size(1000, 800)
    chromium.scripts(on=False)
    try:
        chromium.open(page)
        root = chromium.call("DOM.getDocument", depth=-1)["root"]
        form = chromium.call("DOM.querySelector", nodeId=root["nodeId"], selector="#search")
        with pytest.raises(RuntimeError):
            chromium.call("DOM.getBoxModel", nodeId=form["nodeId"])  # hidden: it would do nothing
        tree = chromium.call("DOM.querySelector", nodeId=root["nodeId"], selector="#nodes")
        box = chromium.call("DOM.getBoxModel", nodeId=tree["nodeId"])["model"]
        assert box["height"] > 100
        summary = chromium.call(
            "DOM.querySelector", nodeId=root["nodeId"], selector="#nodes summary"
        )
        chromium.call("DOM.focus", nodeId=summary["nodeId"])
        before = box["height"]
        chromium.press("Enter", 13, text="\r")
        box = chromium.call("DOM.getBoxModel", nodeId=tree["nodeId"])["model"]
        assert box["height"] != before
        assert chromium.complaints() == []
    finally:
        chromium.scripts(on=True)


def test_nothing_of_a_file_runs(chromium: Page, tmp_path: Path) -> None:
    path = tmp_path / "x_cal.fits"
    model = asdfits.ImageModel(data=np.ones((4, 4), "f4"))
    model.meta.target.catalog_name = EVIL.replace("\x00\x1b", "")
    model.meta.target.proposer_name = "<svg onload=alert(1)>"
    model._instance["extra"] = {EVIL: [EVIL]}
    model.save(tmp_path / "x.asdf")
    model.meta.target.catalog_name = "<script>alert(1)</script>"
    model.save(path)
    for each in (path, tmp_path / "x.asdf"):
        made = asdfits.look.report(each)
        chromium.open(Path(made.name))
        assert chromium.complaints() == []
        assert chromium.run("document.querySelectorAll('script').length") == 1
        assert chromium.run("document.querySelectorAll('img[src=x], svg[onload]').length") == 0
        (tmp_path / "x_cal.html").unlink(missing_ok=True)
        (tmp_path / "x.html").unlink(missing_ok=True)
    notebook = tmp_path / "notebook.html"
    notebook.write_text(f"<!DOCTYPE html><meta charset=utf-8><body>{model._repr_html_()}")
    chromium.open(notebook)
    assert chromium.run("document.querySelectorAll('script').length") == 0
    assert not [each for each in chromium.complaints() if "favicon" not in each]
