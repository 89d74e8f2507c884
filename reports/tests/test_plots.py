"""An SVG that fits into a page beside others, in its colours."""

import re
from xml.etree import ElementTree

from reports.plots import COLOURS, bars, drawing, lying_bars


def drawn(name: str) -> str:
    with drawing(name) as plot:
        bars(plot.axes, ["a", "b"], [1, 2], label="things", texts=["one", "two"])
        plot.axes.scatter([0, 1], [1, 2], rasterized=True)
    return plot.svg


def ids(svg: str) -> list[str]:
    return re.findall(r'\sid="([^"]+)"', svg)


def test_a_plot_is_one_element_that_asks_nobody_for_anything() -> None:
    svg = drawn("first")
    root = ElementTree.fromstring(svg)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    names = {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    assert set(re.findall(r"https?://[^\"' <]+", svg)) == names
    assert "data:image/png;base64," in svg
    assert "script" not in svg.lower()
    texts = {element.text for element in root.iter("{http://www.w3.org/2000/svg}text")}
    assert {"a", "b", "one", "two", "things"} <= texts


def test_ids_are_those_that_are_referred_to_and_none_is_another_plots() -> None:
    first, second = drawn("first"), drawn("second")
    for svg in (first, second):
        used = set(re.findall(r'(?:url\(#|href="#)([^)"]+)', svg))
        assert used
        assert sorted(ids(svg)) == sorted(used)
    assert not set(ids(first)) & set(ids(second))
    assert drawn("first") == first


def test_ink_and_lines_are_the_pages_and_bars_have_their_own_colour() -> None:
    svg = drawn("first")
    for colour in ("var(--ink)", "var(--muted)", "var(--line)", COLOURS[0]):
        assert colour in svg
    assert "#0a0a0" not in svg
    assert "DejaVu" not in svg


def contrast(colour: str, page: str) -> float:
    """Return the contrast of two colours by the definition of WCAG 2."""

    def luminance(text: str) -> float:
        parts = [int(text[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(colour), luminance(page)))
    return (high + 0.05) / (low + 0.05)


def test_every_colour_can_be_seen_by_day_and_by_night() -> None:
    for colour in COLOURS:
        assert contrast(colour, "#f6f7f8") >= 3, colour
        assert contrast(colour, "#1e2124") >= 3, colour


def test_a_title_is_no_formula_and_no_markup() -> None:
    with drawing("titles") as plot:
        lying_bars(plot.axes, ["$100 & <b>more</b> for $5"], [1], label="n", texts=["1"])
    ElementTree.fromstring(plot.svg)
    assert "$100 &amp; &lt;b&gt;more&lt;/b&gt; for $5" in plot.svg
