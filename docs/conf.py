"""Sphinx configuration; the data and validation pages are made from the package when the docs are built."""

from __future__ import annotations

import sys
import warnings
from importlib.metadata import files
from pathlib import Path
from shutil import copyfile
from typing import TYPE_CHECKING, Any

import spec_builder

if TYPE_CHECKING:
    from docutils.nodes import Node
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from generate import write_explorer_page, write_pages  # noqa: E402
from terms import link_terms  # noqa: E402

with warnings.catch_warnings():
    warnings.filterwarnings("ignore", message="jsonschema.RefResolver", category=DeprecationWarning)
    write_pages(HERE / "generated")
    write_explorer_page(HERE / "generated" / "extra")

# MathJax as its package carries it, byte for byte that of npm: formulas need no network when they are read
mathjax = HERE / "generated" / "static" / "mathjax" / "tex-svg.js"
mathjax.parent.mkdir(parents=True, exist_ok=True)
copyfile(next(file.locate() for file in files("sphinx-mathjax-offline") or [] if file.name == mathjax.name), mathjax)

project = "spec_builder"
author = "spec_builder developers"
project_copyright = "the spec_builder developers, BSD-3-Clause"
release = version = spec_builder.__version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.mathjax",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
]
exclude_patterns = ["_build", "conf.py", "generate.py", "terms.py", "generated/extra"]
nitpicky = True
nitpick_ignore_regex = [
    # names of other packages and of type checkers alone: their documentation is not at hand when this one is built
    ("py:.*", r"(np|numpy|npt|concurrent|collections|os|pathlib|click|matplotlib|scipy|jsonpatch)\..*"),
    (
        "py:.*",
        r"(Path|Mapping|Mapping\[str|Sequence|Callable|Iterable|Iterator|Any|Literal|ClassVar|Executor|Figure|Axes|TypeAlias)",
    ),
    ("py:.*", r"(spec_builder\..*\.)?(FloatArray|IndexArray|BoolArray|Law|Style|Minimiser)"),
    ("py:.*", r"(spec_builder\..*\.)?(Response|Workspace|Table|Column|Store|Specification|Parts|Ensemble)"),
    ("py:.*", r"(LimitsLaw|Source|Target|Choice|Value|Options?|TermFunction|CrossSection|Interval|Kind|Decomposition)"),
    ("py:.*", r"(GivenAnalysis|GivenCurves|GivenWorkspace|Numbers|PathLike)(\[.*)?|tuple\[str|SpinResponse|Shells"),
    ("py:.*", r"Caption|spec_builder\.figures\.pages\.Pictured"),
    ("py:.*", r"spec_builder\.physics\.sources\.Component"),
    ("py:.*", r"(tuple\[)?Note|What .*"),
    ("py:.*", r"hypotheses|spec_builder\.inference\.(feldman_cousins|exclusion_by_toys|critical_values|rows)\..*"),
    ("py:.*", r"spec_builder\.model\.analyses\..*"),
]

myst_enable_extensions = ["amsmath", "deflist", "dollarmath", "fieldlist"]
myst_heading_anchors = 3
nb_execution_mode = "force"
nb_execution_timeout = 300
nb_execution_raise_on_error = True
nb_merge_streams = True

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
toc_object_entries_show_parents = "hide"
napoleon_google_docstring = True
napoleon_numpy_docstring = False

mathjax_path = "mathjax/tex-svg.js"
mathjax3_config = {"options": {"enableMenu": False}}  # the menu would fetch what is not here

html_theme = "furo"
html_title = f"spec_builder {release}"
html_static_path = ["_static", "generated/static"]
html_extra_path = ["generated/extra"]
html_css_files = ["pages.css"]
copybutton_prompt_text = r"\$ |>>> "
copybutton_prompt_is_regexp = True


def public_name(app: Sphinx, env: BuildEnvironment, node: Any, content: Node) -> Node | None:
    """A link to a function that a docstring names by its module, and the reference by its public name."""
    name = node["reftarget"].rpartition(".")[2]
    if node.get("refdomain") != "py" or name not in spec_builder.__all__:
        return None
    target = f"spec_builder.{name}"
    python = env.domains.python_domain
    return python.resolve_xref(env, node["refdoc"], app.builder, node["reftype"], target, node, content)


def setup(app: Sphinx) -> None:
    """What the extensions do not."""
    app.connect("doctree-read", link_terms)
    app.connect("missing-reference", public_name)
