"""The samples that merchants copy: the files of `examples/`, with a gateway's number and our addresses filled in."""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import NamedTuple

# What stands in the files, and is a merchant's own on his page. `YOUR-RMZ` stays: we do not have it.
HOST, NUMBER, PLACEHOLDER = "https://pay.example.ir", "1000009", "YOUR-RMZ"


class Sample(NamedTuple):
    """One file, in the order in which a developer needs them."""

    path: str
    """Below `examples/`."""
    title: str
    """Language and what it uses, the same in Persian and English."""

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    @property
    def anchor(self) -> str:
        return self.path.replace("/", "-").replace(".", "-")


FORMS = (
    Sample("html/form.html", "HTML"),
    Sample("php/pay.php", "PHP"),
    Sample("php/sign.php", "PHP: Sig"),
    Sample("python/sign.py", "Python: Sig"),
    Sample("node/sign.mjs", "Node: Sig"),
    Sample("csharp/Sign.cs", "C#: Sig"),
)
PAY_REPS = (
    Sample("php/payrep.php", "PHP (SoapClient)"),
    Sample("python/payrep.py", "Python (zeep)"),
    Sample("node/payrep.mjs", "Node (soap)"),
    Sample("csharp/PayRep.cs", "C# (.NET)"),
)
SAMPLES = {sample.path: sample for sample in (*FORMS, *PAY_REPS)}


def filled(sample: Sample, *, public_url: str, number: str) -> str:
    """A sample's text for one gateway."""
    return _TEXTS[sample.path].replace(HOST, public_url).replace(NUMBER, number)


def _folder() -> Traversable:
    """Installed, the examples lie in the package; in a work tree, beside `src`."""
    packaged = files("mopos").joinpath("examples")
    return packaged if packaged.is_dir() else Path(__file__).parents[4] / "examples"


_TEXTS = {path: _folder().joinpath(path).read_text(encoding="utf-8") for path in SAMPLES}
