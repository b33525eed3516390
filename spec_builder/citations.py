"""BibTeX of the software, the paper and the data."""

from __future__ import annotations

from spec_builder import __version__

__all__ = ["bibtex"]

_ENTRIES = """@software{{spec_builder,
  author  = {{{{spec_builder developers}}}},
  title   = {{spec_builder: likelihoods of solar-neutrino CEvNS in XENONnT and PandaX-4T}},
  version = {{{version}}},
  license = {{BSD-3-Clause}},
}}

@article{{DeRomeri:2024iaw,
  author        = {{De Romeri, Valentina and Papoulias, Dimitrios K. and Ternes, Christoph A.}},
  title         = {{Bounds on new neutrino interactions from the first CEvNS data at direct detection experiments}},
  journal       = {{JCAP}},
  volume        = {{05}},
  pages         = {{012}},
  year          = {{2025}},
  doi           = {{10.1088/1475-7516/2025/05/012}},
  eprint        = {{2411.11749}},
  archivePrefix = {{arXiv}},
}}

@article{{XENON:2024ijk,
  author        = {{{{XENON Collaboration}}}},
  title         = {{First Indication of Solar 8B Neutrinos via Coherent Elastic Neutrino-Nucleus Scattering with
                   XENONnT}},
  journal       = {{Phys. Rev. Lett.}},
  volume        = {{133}},
  pages         = {{191002}},
  year          = {{2024}},
  eprint        = {{2408.02877}},
  archivePrefix = {{arXiv}},
}}

@misc{{XENON:cevns_data_release,
  author = {{{{XENON Collaboration}}}},
  title  = {{XENONnT CEvNS data release (arXiv:2604.06002), CC-BY-4.0}},
  year   = {{2026}},
  doi    = {{10.5281/zenodo.20576156}},
}}

@misc{{XENON:light_wimp_data_release,
  author = {{{{XENON Collaboration}}}},
  title  = {{XENONnT light WIMP data release (arXiv:2409.17868)}},
  year   = {{2024}},
  doi    = {{10.5281/zenodo.14522706}},
}}

@article{{PandaX:2024muv,
  author        = {{{{PandaX Collaboration}}}},
  title         = {{First Indication of Solar 8B Neutrinos through Coherent Elastic Neutrino-Nucleus Scattering in
                   PandaX-4T}},
  journal       = {{Phys. Rev. Lett.}},
  volume        = {{133}},
  pages         = {{191001}},
  year          = {{2024}},
  eprint        = {{2407.10892}},
  archivePrefix = {{arXiv}},
}}

@misc{{PandaX:us2_data_release,
  author        = {{{{PandaX Collaboration}}}},
  title         = {{PandaX-4T US2 event lists of Run0 and Run1, data release of arXiv:2507.11930}},
  note          = {{Phys. Rev. Lett. 135 (2025) 211001}},
  year          = {{2025}},
  doi           = {{10.1103/rtnh-jn8s}},
  eprint        = {{2507.11930}},
  archivePrefix = {{arXiv}},
}}

@article{{Bahcall:1996qv,
  author        = {{Bahcall, John N. and Lisi, E. and Alburger, D. E. and De Braeckeleer, L. and Freedman, S. J. and
                   Napolitano, J.}},
  title         = {{Standard neutrino spectrum from 8B decay}},
  journal       = {{Phys. Rev. C}},
  volume        = {{54}},
  pages         = {{411--422}},
  year          = {{1996}},
  eprint        = {{nucl-th/9601044}},
  archivePrefix = {{arXiv}},
}}

@article{{Vinyoles:2016djt,
  author  = {{Vinyoles, N. and others}},
  title   = {{A new generation of standard solar models}},
  journal = {{Astrophys. J.}},
  volume  = {{835}},
  pages   = {{202}},
  year    = {{2017}},
}}

@article{{Hoferichter:2020osn,
  author        = {{Hoferichter, Martin and Men{{\\'e}}ndez, Javier and Schwenk, Achim}},
  title         = {{Coherent elastic neutrino-nucleus scattering: EFT analysis and nuclear responses}},
  journal       = {{Phys. Rev. D}},
  volume        = {{102}},
  pages         = {{074018}},
  year          = {{2020}},
  eprint        = {{2007.08529}},
  archivePrefix = {{arXiv}},
}}

@article{{Ilten:2018crw,
  author        = {{Ilten, Philip and Soreq, Yotam and Williams, Mike and Xue, Wei}},
  title         = {{Serendipity in dark photon searches}},
  journal       = {{JHEP}},
  volume        = {{06}},
  pages         = {{004}},
  year          = {{2018}},
  eprint        = {{1801.04847}},
  archivePrefix = {{arXiv}},
}}

@article{{Baruch:2022esd,
  author        = {{Baruch, C. and Ilten, P. and Soreq, Y. and Williams, M.}},
  title         = {{Axial vectors in DarkCast}},
  journal       = {{JHEP}},
  volume        = {{11}},
  pages         = {{124}},
  year          = {{2022}},
  eprint        = {{2206.08563}},
  archivePrefix = {{arXiv}},
}}
"""


def bibtex() -> str:
    """Entries to cite with a result."""
    return _ENTRIES.format(version=__version__)
