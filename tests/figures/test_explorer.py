"""The page, as text and in a browser without a window."""

from __future__ import annotations

import html
import itertools
import json
import re
import subprocess
from typing import TYPE_CHECKING, Any

import jsonpatch
import numpy as np
import pyhf
import pytest

from spec_builder.base.errors import SpecBuilderError
from spec_builder.drawing.spectra import poisson_interval
from spec_builder.drawing.style import PALETTE, plain
from spec_builder.figures import explorer
from spec_builder.figures.explorer import explorer_page, plotting_library, write_explorer
from spec_builder.inference.likelihood import Likelihood
from spec_builder.model.analysis import load_analysis
from spec_builder.model.patches import build_patch_set
from spec_builder.physics.interactions import choose
from spec_builder.studies.explanation import explain_point
from spec_builder.studies.explorer import explore
from spec_builder.studies.limits import find_limits
from tests.browser import CHROMIUM, DRIVER, QUIET, Browser

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

#: In the place of plotly.
NOTHING = """window.Plotly = { version: "0", react(place) { place.data = []; }, restyle() {}, purge() {} };
HTMLElement.prototype.on = function on() {};
"""


@pytest.fixture(scope="module")
def content() -> dict[str, Any]:
    return explore(("combined", "xenonnt"), [choose("scalar"), choose("vector_bl")], levels=(0.9, 0.95), points=5)


@pytest.fixture(scope="module")
def page(content: dict[str, Any]) -> str:
    pytest.importorskip("plotly", reason="the page's plotting library comes with plotly")
    return explorer_page(content)


@pytest.fixture
def browse(tmp_path: Path) -> Callable[..., str]:
    """The document of a page once its scripts have run, as text."""
    if CHROMIUM is None:
        pytest.skip("no chromium on this machine")

    def dump(text: str, fragment: str = "", size: str = "1280,800") -> str:
        path = tmp_path / "page.html"
        path.write_text(text, encoding="utf-8")
        profile = f"--user-data-dir={tmp_path / 'profile'}"
        own = (
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            f"--window-size={size}",
            "--virtual-time-budget=20000",
        )
        command = [str(CHROMIUM), *own, *QUIET, profile, "--dump-dom", f"{path.as_uri()}{fragment}"]
        done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=120, check=True)
        return re.sub(r"<script.*?</script>|<style.*?</style>", "", done.stdout, flags=re.DOTALL)

    return dump


def with_script(page: str, script: str) -> str:
    """The page with one more script at its end, whose result is printed into the document."""
    element = f"Object.assign(document.createElement('pre'), {{id: 'found', textContent: ({script})()}})"
    return page.replace("</body>", f"<script>document.body.append({element})</script></body>")


def found(document: str) -> Any:
    match = re.search(r'<pre id="found">(.*?)</pre>', document, re.DOTALL)
    assert match
    return json.loads(html.unescape(match[1]))


def text_of(document: str, name: str) -> str:
    match = re.search(rf'<(\w+)[^>]* id="{name}"[^>]*>(.*?)</\1>', document, re.DOTALL) or re.search(
        rf'<(\w+) id="{name}"[^>]*>(.*?)</\1>', document, re.DOTALL
    )
    assert match
    return html.unescape(re.sub("<[^>]*>", " ", match[2]))


# ---------------------------------------------------------------- as text


def test_the_page_holds_the_content(content: dict[str, Any], page: str) -> None:
    match = re.search(r'<script type="application/json" id="content">(.*?)</script>', page, re.DOTALL)
    assert match
    embedded = json.loads(match[1])
    look = embedded.pop("look")
    assert embedded == content
    assert look["lines"]["combined"] == {"color": "#CC79A7", "dash": "solid"}
    assert [line["color"] for line in look["palette"]] == [line.color for line in PALETTE]


def test_names_are_those_of_figures_as_text(content: dict[str, Any]) -> None:
    forged = json.loads(json.dumps(content).replace('"neutron"', '"argon37"').replace('"cathode"', '"5 $ of mine"'))
    text = explorer_page(forged, NOTHING)
    match = re.search(r'<script type="application/json" id="content">(.*?)</script>', text, re.DOTALL)
    assert match
    look = json.loads(match[1])["look"]
    assert look["names"] == {"combined": "XENONnT + PandaX-4T", "xenonnt": "XENONnT"}
    names = {"cevns": "CEνNS", "argon37": "³⁷Ar", "5 $ of mine": "5 $ of mine", "accidental": "accidental coincidences"}
    assert names.items() <= look["samples"].items()


def test_of_many_bins_the_empty_ones_have_no_bar_as_in_figures() -> None:
    counts = [0.0] * 29 + [4.0]
    down, up = poisson_interval(np.array([0.0, 4.0]))
    for channels, empty in ((("a",), [0.0, pytest.approx(up[0])]), (("a", "b"), [0.0, 0.0])):
        rows = [{"name": name, "data": counts} for name in channels]
        bars = explorer._bars({"workspace": {"observations": rows}})
        assert list(bars) == list(channels)
        for lengths in bars.values():
            assert len(lengths) == 30
            assert lengths[0] == empty
            assert lengths[29] == pytest.approx([down[1], up[1]], abs=1e-6)


def test_the_page_is_small_and_fetches_nothing(page: str) -> None:
    assert 4e6 < len(page.encode()) < explorer.LARGEST_PAGE
    own = page.replace(plotting_library(), "")
    assert "default-src 'none'" in own
    assert re.findall(r"""(?:src|href)=["'](?!#|data:)[^"']*""", own) == []
    assert "{{" not in own


def test_headings_and_labels(content: dict[str, Any]) -> None:
    text = explorer_page(content, NOTHING)
    levels = [int(level) for level in re.findall(r"<h(\d)", text)]
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    for control in re.findall(r"<(?:select|input) id=\"(\w+)\"", text):
        label = re.search(rf'<label[^>]*>(?:(?!</label>).)*id="{control}"', text, re.DOTALL)
        assert label, control
    assert 'lang="en"' in text


def test_names_cannot_end_a_script(content: dict[str, Any]) -> None:
    forged = json.loads(json.dumps(content).replace("XENONnT SR0", "</script><script>alert(1)</script>"))
    text = explorer_page(forged, NOTHING)
    assert "alert(1)" in text
    assert "<script>alert" not in text


def test_a_page_that_is_too_large_is_refused(content: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explorer, "LARGEST_PAGE", 1000)
    with pytest.raises(SpecBuilderError, match=r"the page would be 0\.\d MB, expected 0\.001 at most: ask for fewer"):
        explorer_page(content, NOTHING)


def test_without_plotly_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(explorer, "files", missing)
    with pytest.raises(SpecBuilderError, match=r"a page needs plotly: pip install 'spec_builder\[explore\]'"):
        plotting_library()


def test_a_page_has_a_page_s_name(content: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(SpecBuilderError, match=r"page.png: expected a name that ends in .html"):
        write_explorer(content, tmp_path / "page.png")


# ---------------------------------------------------------------- in a browser

#: Every point's 2NLL from its workspace and its parameters, and some workspaces.
MODEL = """() => JSON.stringify(content.planes.map((plane) => ({
  heights: plane.scan.twice_nll.map((_, i) => {
    const [mass, coupling] = [Math.floor(i / plane.couplings.length), i % plane.couplings.length];
    const theta = pointTheta(plane, mass, coupling);
    return twiceNll(evaluate(pointWorkspace(plane, mass, coupling), theta, modelOf(plane).uncertainties));
  }),
  workspace: pointWorkspace(plane, 0, 1),
})))"""


def nearly(first: Any, second: Any) -> bool:
    """JSON content that is the same but for the last of a yield's 8 digits."""
    if isinstance(first, dict):
        return (
            isinstance(second, dict)
            and first.keys() == second.keys()
            and all(nearly(first[k], second[k]) for k in first)
        )
    if isinstance(first, list):
        return len(first) == len(second) and all(map(nearly, first, second))
    if isinstance(first, float) or isinstance(second, float):
        return bool(first == pytest.approx(second, rel=2e-7))
    return bool(first == second)


@pytest.mark.parametrize(
    ("analysis", "laws"), [("combined", ("normsys", "linear")), ("coherent_csi", None), ("texono", None)]
)
def test_a_point_s_workspace_and_height_are_the_program_s(
    analysis: str, laws: tuple[str, ...] | None, browse: Callable[..., str]
) -> None:
    choice = choose("magnetic_moment" if analysis == "texono" else "vector_bl")
    content = explore((analysis,), [choice], laws=laws, levels=(0.9,), points=4)
    for plane, own in zip(
        content["planes"], found(browse(with_script(explorer_page(content, NOTHING), MODEL))), strict=True
    ):
        model = content["models"][plane["model"]]
        valid = np.array(plane["scan"]["valid"], dtype=bool)
        assert valid.any()
        theirs = np.array(plane["scan"]["twice_nll"], dtype=float)
        assert np.array(own["heights"], dtype=float)[valid] == pytest.approx(theirs[valid], rel=1e-6, abs=2e-5)
        loaded = load_analysis(analysis, model["law"])
        point = (
            (plane["couplings"][1],) if plane["masses_MeV"] is None else (plane["masses_MeV"][0], plane["couplings"][1])
        )
        (patch,) = build_patch_set(loaded, choice, [point])["patches"]
        expected = jsonpatch.apply_patch(loaded.workspace, patch["patch"])
        expected["measurements"].sort(key=lambda measurement: measurement["name"] != "new_physics")
        assert nearly(own["workspace"], expected)
        assert own["workspace"]["measurements"][0]["name"] == "new_physics"
        pyhf.schema.validate(own["workspace"], "workspace.json")
        assert Likelihood.from_workspace(own["workspace"], "new_physics").parameters


def test_a_point_says_what_explain_says(content: dict[str, Any], page: str, browse: Callable[..., str]) -> None:
    plane = content["planes"][0]
    mass, value = plane["masses_MeV"][2], plane["couplings"][1]
    model = content["models"][plane["model"]]
    query = (
        f"#analysis={model['analysis']}&interaction=scalar&law={model['law']}&cl=0.9&dof=2&mass={mass}&coupling={value}"
    )
    document = browse(page, query)
    assert 'data-ready="yes"' in document
    explained = explain_point(load_analysis(model["analysis"], model["law"]), choose("scalar"), mass, value)
    said = text_of(document, "point-text")
    assert f"Against the Standard Model Δχ² = {explained.parts.delta_chi2:.2f}." in said
    limit = next(one for one in plane["limits"] if (one["cl"], one["dof"]) == (0.9, 2))
    delta = plane["scan"]["twice_nll"][2 * 5 + 1] - limit["reference"][2]
    assert f"Δχ² = {delta:.2f}: {'excluded' if delta > limit['threshold'] else 'allowed'} at 90 % CL, dof 2" in said
    assert float(re.findall(r'data-twice-nll="([^"]*)"', document)[0]) == pytest.approx(
        plane["scan"]["twice_nll"][2 * 5 + 1], abs=2e-5
    )
    rows = re.findall(r"<tr>(.*?)</tr>", document.split('id="bins-table"')[1].split("</table>")[0], re.DOTALL)[1:]
    cells = [re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row) for row in rows]
    assert [float(cell[1]) for cell in cells] == [part.observed for part in explained.parts.bins]
    assert [float(cell[3]) for cell in cells] == pytest.approx([p.point for p in explained.parts.bins], rel=1e-3)
    parts = [float(cell[5].replace("−", "-")) - float(cell[4].replace("−", "-")) for cell in cells]
    assert parts == pytest.approx([part.delta_chi2 for part in explained.parts.bins], abs=2e-3)
    assert "main-svg" in document
    for text in ("by construction", "Sources", "normsys"):
        assert text.lower() in document.lower()


def test_names_that_javascript_has_already_are_names(content: dict[str, Any], browse: Callable[..., str]) -> None:
    script = """() => JSON.stringify({
      ready: document.body.dataset.ready, height: element("point-text").dataset.twiceNll,
      choices: element("choices").textContent, workspace: pointWorkspace(currentPlane(), 0, 1) })"""
    forged = json.dumps(content)
    for name, word in {"neutron": "constructor", "accidental": "toString", "scalar": "__proto__"}.items():
        forged = forged.replace(f'"{name}"', f'"{word}"')
    sound, own = (
        found(browse(with_script(explorer_page(one, NOTHING), script))) for one in (content, json.loads(forged))
    )
    assert own["ready"] == "yes"
    assert "__proto__: " in own["choices"]
    assert own["height"] == sound["height"]
    names = {sample["name"] for channel in own["workspace"]["channels"] for sample in channel["samples"]}
    assert {"constructor", "toString"} <= names


def test_keys_and_choices_change_what_is_shown(content: dict[str, Any], page: str, browse: Callable[..., str]) -> None:
    script = """() => {
      const seen = [element("point-text").textContent];
      for (const [id, value, kind] of [["coupling", 0, "input"], ["mass", 4, "input"],
          ["analysis", "xenonnt", "change"], ["interaction", "vector_bl", "change"], ["law", "linear", "change"],
          ["cl", "0.95", "change"], ["dof", "2", "change"], ["also", "analysis", "change"]]) {
        element(id).value = value;
        element(id).dispatchEvent(new Event(kind));
        updatePoint();
        seen.push(element("point-text").textContent + element("verdict").textContent + element("choices").textContent);
      }
      element("plane").emit("plotly_click", { points: [{ data: { type: "heatmap" }, pointNumber: [3, 1] }] });
      updatePoint();
      seen.push(element("point-text").textContent);
      return JSON.stringify({ seen, csv: curveCsv(currentPlane(), limitOf(currentPlane())), hash: window.location.hash,
        lines: element("plane").data.map(({ name }) => name), state });
    }"""
    own = found(browse(with_script(page, script)))
    assert len(set(own["seen"][:-2])) == len(own["seen"]) - 2  # all but the last choice, which adds a curve, tell
    assert own["state"] == {
        "analysis": "xenonnt", "interaction": "vector_bl", "law": "linear", "cl": 0.95, "dof": 2, "also": "analysis",
        "mass": 1, "coupling": 3,
    }  # fmt: skip
    assert {"XENONnT", "XENONnT + PandaX-4T", "the point"} <= set(own["lines"])
    assert "law=linear" in own["hash"]
    masses = content["planes"][0]["masses_MeV"]
    limits = find_limits(load_analysis("xenonnt", "linear"), choose("vector_bl"), masses, cl=0.95, dof=2)
    lines, theirs = own["csv"].splitlines(), limits.to_csv().splitlines()
    rows = [i for i, line in enumerate(theirs) if line[0] in "0123456789"]
    assert lines[: rows[0]] == theirs[: rows[0]]
    numbers, expected = ([list(map(float, line.split(","))) for line in text[rows[0] :]] for text in (lines, theirs))
    assert np.array(numbers) == pytest.approx(np.array(expected), rel=1e-12)


def test_an_analysis_has_its_colour_and_bars_differ_in_grey(page: str, browse: Callable[..., str]) -> None:
    script = """() => {
      const own = element("plane").data.find(({ name }) => name === "end of what is excluded");
      const bars = element("events").data.filter(({ type, yaxis }) => type === "bar" && yaxis !== "y2");
      const named = (letters) => [{ name: "x".repeat(letters) }];
      const abreast = [[25, 366], [10, 366], [10, 600]].map(([n, width]) => namesAbreast(named(n), width));
      return JSON.stringify({ line: own.line.color, names: bars.map(({ name }) => name), abreast,
        patterns: bars.map(({ marker }) => marker.pattern.shape) });
    }"""
    own = found(browse(with_script(page, script), "#analysis=xenonnt"))
    assert own["line"] == "#0072B2"
    assert own["names"] == ["accidental coincidences", "electron recoils", "neutrons", "CEνNS at the point"]
    assert len(set(own["patterns"])) == 4
    assert own["abreast"] == [1, 2, 3]


def test_numbers_are_short_wherever_they_are(content: dict[str, Any], browse: Callable[..., str]) -> None:
    script = """() => JSON.stringify([
      ...[3.7, -0.014, -0.001, 856260208.25, null].map((value) => fixed(value)),
      set("g 4.6e-06, Delta chi2 > 2.7"), short("a name that is much too long", 12)])"""
    own = found(browse(with_script(explorer_page(content, NOTHING), script)))
    assert own == [
        "3.70",
        "−0.01",
        "0.00",
        "8.563×10⁸",
        "–",
        "g 4.6×10⁻⁶, Δχ² > 2.7",
        plain("a name that is much too long", 12),
    ]


@pytest.mark.parametrize("width", [1280, 768, 390])
def test_nothing_is_wider_than_the_page(page: str, browse: Callable[..., str], width: int) -> None:
    """In a frame: a window has a least width of its own."""
    frame = (
        f'<iframe id="frame" style="border: 0; width: {width}px; height: 900px" srcdoc="{html.escape(page)}"></iframe>'
    )
    script = """<script>
      const frame = document.getElementById("frame");
      frame.addEventListener("load", () => setTimeout(() => {
        const inner = frame.contentDocument;
        const parts = [...inner.querySelectorAll("main *, header *")].filter((e) => !e.closest(".wide, svg, .skip"));
        const right = Math.max(...parts.map((e) => e.getBoundingClientRect().right));
        const found = [inner.body.dataset.ready, inner.documentElement.scrollWidth, right];
        const told = { id: "found", textContent: JSON.stringify(found) };
        document.body.append(Object.assign(document.createElement("pre"), told));
      }, 500));
    </script>"""
    ready, scrolled, right = found(browse(f"<!doctype html><body>{frame}{script}</body>", size="1400,1000"))
    assert ready == "yes"
    assert scrolled <= width
    assert right <= width


def test_bars_are_those_of_figures_and_a_limit_that_is_not_valid_is_a_gap(
    content: dict[str, Any], browse: Callable[..., str]
) -> None:
    broken = json.loads(json.dumps(content))
    first = broken["planes"][0]
    for limit in first["limits"]:
        limit["valid"][2] = False
    script = """() => {
      const drawn = {};
      Plotly.react = (place, traces) => { drawn[place.id] = traces; place.data = []; };
      update();
      const data = drawn.events.find(({ name }) => name === "data");
      const curve = drawn.plane.find(({ name }) => name === "end of what is excluded");
      const areas = drawn.plane.filter(({ fill }) => fill).map(({ x }) => [Math.min(...x), Math.max(...x)]);
      const { array: up, arrayminus: down } = data.error_y;
      return JSON.stringify({ counts: data.y, up, down, y: curve.y, areas });
    }"""
    own = found(browse(with_script(explorer_page(broken, NOTHING), script)))
    down, up = poisson_interval(np.array(own["counts"], dtype=float))
    assert own["down"] == pytest.approx(down, abs=1e-6)
    assert own["up"] == pytest.approx(up, abs=1e-6)
    assert [end is None for end in own["y"]] == [False, False, True, False, False]
    bad = first["masses_MeV"][2]
    assert own["areas"]
    assert all(not low < bad < high for low, high in own["areas"])


# ---------------------------------------------------------------- by keys alone

FOCUS = """const at = document.activeElement, style = getComputedStyle(at);
return [at.id || at.className || at.textContent.trim(), style.outlineStyle, parseFloat(style.outlineWidth)];"""
CHOSEN = "return [state.mass, state.coupling];"
ORDER = (
    "skip", "analysis", "interaction", "law", "cl", "dof", "also", "plane", "mass", "coupling", "save-curve",
    "The curve as a table", "save-workspace", "Bins and pulls as tables", "Sources", "Status of each table",
)  # fmt: skip


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    if CHROMIUM is None or DRIVER is None:
        pytest.skip("no chromium, or no driver of it, on this machine")
    with Browser(tmp_path_factory.mktemp("browser")) as opened:
        yield opened


@pytest.mark.parametrize(("width", "colours"), [(1280, "light"), (390, "dark")])
def test_keys_reach_everything_and_a_frame_shows_where(
    browser: Browser, page: str, tmp_path: Path, width: int, colours: str
) -> None:
    path = tmp_path / "page.html"
    path.write_text(page, encoding="utf-8")
    browser.look(width, 850, colours)
    browser.open(path.as_uri())
    reached = []
    for _ in ORDER:
        browser.press("Tab")
        name, line, size = browser.settled(FOCUS)
        reached.append(name)
        assert (line, size) == ("solid", 3), name
    assert tuple(reached) == ORDER
    back = browser.run("return getComputedStyle(document.body).backgroundColor")
    assert back == {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 24, 29)"}[colours]


def test_keys_choose_a_point_change_controls_and_download(
    browser: Browser, content: dict[str, Any], page: str, tmp_path: Path
) -> None:
    path = tmp_path / "page.html"
    path.write_text(page, encoding="utf-8")
    browser.look(1280, 850)
    browser.open(f"{path.as_uri()}#mass=0.01&coupling=1e-9")
    browser.press("Tab", "Enter")
    assert browser.settled("return document.activeElement.id") == "point"
    assert "coupling=" in browser.run("return location.hash")
    browser.open(f"{path.as_uri()}#mass=0.01&coupling=1e-9")
    browser.press("Tab", "Tab", "Down", "Tab", "Down", "Tab", "Down")
    assert browser.settled("return [state.analysis, state.interaction, state.law];") == [
        "xenonnt",
        "vector_bl",
        "linear",
    ]
    browser.press("Tab", "Tab", "Tab", "Tab")
    mass, coupling = browser.settled(CHOSEN)
    browser.press("Home", "Left", "Down")
    assert browser.settled(CHOSEN) == [max(mass - 1, 0), 0]
    browser.press("End", "Up", "Right")
    assert browser.settled(CHOSEN) == [max(mass - 1, 0) + 1, 4]
    assert coupling < 5
    browser.press("Tab", "Home", "Tab", "Left")
    assert browser.settled(CHOSEN) == [0, 3]
    browser.press("Tab", "Enter", "Tab", "Enter", "Tab", "Enter")
    plane = next(
        plane
        for plane in content["planes"]
        if content["models"][plane["model"]]["analysis"] == "xenonnt"
        and content["models"][plane["model"]]["law"] == "linear"
        and content["interactions"][plane["interaction"]]["name"] == "vector_bl"
    )
    name = f"xenonnt_linear_vector_bl_m{plane['masses_MeV'][0]}_g{plane['couplings'][3]}.json"
    assert json.loads(browser.downloaded(name))["measurements"][0]["name"] == "new_physics"
    assert "mass_MeV,g_low" in browser.downloaded("xenonnt_linear_vector_bl_cl0.9_dof1.csv")
    assert browser.run("return element('curve-details').open") is True


def test_many_names_leave_the_plane_its_height_on_a_telephone(browser: Browser, page: str, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text(page, encoding="utf-8")
    browser.look(390, 850)
    heights = []
    for also in ("nothing", "interaction", "analysis", "cl"):
        browser.open(f"{path.as_uri()}#also={also}")
        heights.append(browser.settled("return element('plane')._fullLayout._size.h;"))
    assert min(heights) == heights[0]
