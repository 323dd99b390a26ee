"""Ideas, drawn by one hand: `canvas.py` is the pen, and every theme has a file of drawings."""

from tlhelpers.show.diagrams import (
    distillation,
    domains,
    families,
    few_shot,
    incremental,
    negative,
    photos,
    scaling,
    speech,
    texts,
    unlabelled,
    ways,
    zero_shot,
)
from tlhelpers.show.diagrams.canvas import STAGES, Diagram, diagram, list_diagrams

__all__ = [
    "STAGES",
    "Diagram",
    "diagram",
    "distillation",
    "domains",
    "families",
    "few_shot",
    "incremental",
    "list_diagrams",
    "negative",
    "photos",
    "scaling",
    "speech",
    "texts",
    "unlabelled",
    "ways",
    "zero_shot",
]
