"""Helpers of the transfer-learning course. `import tlhelpers as tl` loads neither torch nor
transformers: each public name is imported from its room when it is first used.

This file parses on Python 3.8, so that an old Python gets our message instead of a syntax error.
"""

import importlib

from tlhelpers.runtime import waiting as _waiting  # noqa: F401  # before torch loads

__version__ = "0.1.0"

# public name -> the module that defines it (one line a name; rooms fill their own block)
_PUBLIC = {
    # runtime
    "text": "tlhelpers.runtime.language",
    "mode": "tlhelpers.runtime.session",
    "seeds": "tlhelpers.runtime.session",
    # data
    "Task": "tlhelpers.data.task",
    "load_task": "tlhelpers.data.catalog",
    "list_tasks": "tlhelpers.data.catalog",
    "load_words": "tlhelpers.data.sounds.words",
    "log_mel": "tlhelpers.data.sounds.frontend",
    "load_folder": "tlhelpers.data.folder",
    # models
    "backbone": "tlhelpers.models.backbones",
    "list_backbones": "tlhelpers.models.backbones",
    "freeze": "tlhelpers.models.surgery",
    "assert_frozen": "tlhelpers.models.surgery",
    "replace_head": "tlhelpers.models.surgery",
    "grow_head": "tlhelpers.models.surgery",
    # train
    "fit": "tlhelpers.train.engine",
    "attach_preprocess": "tlhelpers.train.preprocessing",
    "predict": "tlhelpers.train.predict",
    "evaluate": "tlhelpers.train.predict",
    "History": "tlhelpers.train.history",
    "memory_plan": "tlhelpers.train.memory",
    "MemoryMeter": "tlhelpers.train.memory",
    "ShardStream": "tlhelpers.train.batches",
    # transfer
    "extract_features": "tlhelpers.transfer.extraction",
    "stream_features": "tlhelpers.transfer.extraction",
    "probe": "tlhelpers.transfer.features",
    "knn": "tlhelpers.transfer.knn",
    "fine_tune": "tlhelpers.transfer.finetune",
    "lora": "tlhelpers.transfer.lora",
    "search": "tlhelpers.transfer.search",
    "lr_find": "tlhelpers.transfer.lr_find",
    "interval": "tlhelpers.transfer.intervals",
    "few_labels": "tlhelpers.transfer.compare",
    "incremental": "tlhelpers.transfer.incremental",
    "few_shot": "tlhelpers.transfer.fewshot",
    "zero_shot": "tlhelpers.transfer.zeroshot",
    "generalised_zero_shot": "tlhelpers.transfer.generalised",
    "contrastive_loss": "tlhelpers.transfer.contrastive",
    "train_two_towers": "tlhelpers.transfer.contrastive",
    "adapt": "tlhelpers.transfer.adaptation.adapt",
    "cluster": "tlhelpers.transfer.unsupervised.clusters",
    "anomaly": "tlhelpers.transfer.unsupervised.anomaly",
    "continue_pretraining": "tlhelpers.transfer.unsupervised.simclr",
    "distill": "tlhelpers.transfer.distillation",
    "transferability": "tlhelpers.transfer.transferability",
    "train_from_scratch": "tlhelpers.transfer.negative",
    "negative_transfer_gap": "tlhelpers.transfer.negative",
    "compare": "tlhelpers.transfer.compare",
    "tfidf_baseline": "tlhelpers.transfer.text_baseline",
    "cka": "tlhelpers.transfer.similarity",
    "mmd": "tlhelpers.transfer.similarity",
    "proxy_a_distance": "tlhelpers.transfer.similarity",
    # course
    "doctor_summary": "tlhelpers.course.doctor",
    "stored": "tlhelpers.course.results",
    "live": "tlhelpers.course.live",
    "figures": "tlhelpers.course.syllabus",
    "try_folder": "tlhelpers.course.trial",
    "load_model": "tlhelpers.course.exporting",
    "check": "tlhelpers.course.exercises",
    "quiz": "tlhelpers.course.quizzes",
    "progress": "tlhelpers.course.progress",
    "predict_first": "tlhelpers.course.predictions",
    "see_prediction": "tlhelpers.course.predictions",
    "widget": "tlhelpers.course.widgets",
    # show
    "setup": "tlhelpers.show.session",
    "show": "tlhelpers.show.plots",
    "listen": "tlhelpers.show.listening",
    "claim": "tlhelpers.show.claims",
    "diagram": "tlhelpers.show.diagrams.canvas",
    "list_diagrams": "tlhelpers.show.diagrams.canvas",
    "strategy_map": "tlhelpers.lessons.start_here.strategy",
}

__all__ = ["__version__", *sorted(_PUBLIC)]


def __getattr__(name: str) -> object:
    if name not in _PUBLIC:
        raise AttributeError("module 'tlhelpers' has no attribute " + repr(name))
    value = getattr(importlib.import_module(_PUBLIC[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list:
    return sorted(set(globals()) | set(_PUBLIC))
