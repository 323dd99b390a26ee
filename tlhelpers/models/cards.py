"""Model cards: what a network of ours is, how it was made, how good it is, and its limits.

`NAME.json` is for programs, `NAME.md` for people, in both languages; both lie beside
`NAME.safetensors` in `datasets/weights/`.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from tlhelpers.runtime.language import catalogue, text
from tlhelpers.runtime.places import DATASETS
from tlhelpers.runtime.store import StoreError, write_atomic


@dataclass(frozen=True)
class ModelCard:
    """Everything about one set of weights, but the weights."""

    name: str
    architecture: str  # the function of `networks.py` that builds it
    source: str  # the drawn domain it was trained on
    classes: dict[str, list[str]]  # of the source, {"en": [...], "ja": [...]}
    size: int  # pixels, the side of the pictures it was trained on
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    feature_dim: int
    parameters: int
    sha256: str  # of the safetensors file
    bytes: int
    recipe: dict  # the settings it was trained with
    accuracy: float  # of the stored weights, on drawings of the source that training never saw
    seconds: float  # training, without drawing
    seconds_drawing: float
    device: str
    torch: str
    licence: str = "CC BY 4.0"

    @property
    def num_classes(self) -> int:
        return len(self.classes["en"])

    def write(self, folder: Path) -> None:
        """NAME.json and NAME.md."""
        content = json.dumps(asdict(self), ensure_ascii=False, indent=1) + "\n"
        write_atomic(folder / f"{self.name}.json", content)
        write_atomic(folder / f"{self.name}.md", self.to_markdown())

    def to_markdown(self) -> str:
        """The card for people, Japanese first."""
        values = asdict(self) | {
            "num_classes": self.num_classes,
            "settings": ", ".join(f"{key} {value}" for key, value in self.recipe.items()),
            "accuracy": 100 * self.accuracy,
            "parameters": self.parameters / 1e6,
            "megabytes": self.bytes / 1e6,
        }
        sections = []
        for lang in ("ja", "en"):
            values["job"] = catalogue()[f"cards.source_{self.source}"][lang]
            sections.append(catalogue()["cards.body"][lang].format(**values).strip())
        return f"# {self.name}\n\n" + "\n\n".join(sections) + "\n"


def weights_folder() -> Path:
    """`datasets/weights` of the clone that this package runs from.

    Raises StoreError where the package was installed without its clone.
    """
    folder = DATASETS / "weights"
    if not folder.is_dir():
        raise StoreError(text("cards.no_clone", folder=folder))
    return folder


def read_card(path: Path) -> ModelCard:
    """The card in this JSON file. Raises StoreError where it is missing or damaged."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        content |= {name: tuple(content[name]) for name in ("mean", "std")}
        return ModelCard(**content)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError(text("cards.unreadable", path=path, reason=error)) from error
