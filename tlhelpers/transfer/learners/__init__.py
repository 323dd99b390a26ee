"""The learners of incremental learning, one file each, so that two can be read side by side.

    new_head      a fresh nn.Linear at every step: the usual mistake          naive.py
    kept_rows     the old rows are copied, but only new data is shown         naive.py
    new_rows      frozen body and old rows, only new rows learn: a control    naive.py
    replay        old examples are shown again                                replay.py
    der           old examples with the answers once given to them (DER++)    der.py
    icarl         exemplars, distillation, nearest exemplar mean              icarl.py
    lwf           the old network's answers to new pictures are kept          lwf.py
    ewc           the weights that matter to the old classes are held         ewc.py
    nearest_mean  no training: the nearest class mean of frozen features      nearest_mean.py
    joint         all data of all classes at every step                       joint.py

lwf and ewc freeze BatchNorm after the first step, because neither holds its running statistics.
"""

from tlhelpers.transfer.learners.base import SCENARIOS, Learner, Stream
from tlhelpers.transfer.learners.der import DERpp
from tlhelpers.transfer.learners.ewc import EWC
from tlhelpers.transfer.learners.icarl import ICaRL
from tlhelpers.transfer.learners.joint import Joint
from tlhelpers.transfer.learners.lwf import LwF
from tlhelpers.transfer.learners.naive import KeptRows, NewHead, NewRows
from tlhelpers.transfer.learners.nearest_mean import NearestMean
from tlhelpers.transfer.learners.replay import Replay

METHODS: dict[str, type[Learner]] = {
    "new_head": NewHead,
    "kept_rows": KeptRows,
    "new_rows": NewRows,
    "replay": Replay,
    "der": DERpp,
    "icarl": ICaRL,
    "lwf": LwF,
    "ewc": EWC,
    "nearest_mean": NearestMean,
    "joint": Joint,
}

__all__ = ["METHODS", "SCENARIOS", "Learner", "Stream"]
