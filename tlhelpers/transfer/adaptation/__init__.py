"""Domain adaptation, a method a file: same classes, new look, and no labels of the new look.

    adabn         BatchNorm's statistics are computed anew on target pictures   adabn.py
    mean, coral   features of the source are moved to the target's moments      coral.py
    mmd           training pulls the two domains together, by a kernel          mmd.py
    dann          training pulls them together, against a critic of domains     dann.py
    tent          BatchNorm's scale and shift learn to make answers sure        tent.py
    prior         answers are corrected for other shares of the classes         label_shift.py

Every method takes (model, source, pool, **options), where `model` was trained on the task `source`
and `pool` holds pictures of the target without their labels, and returns a new model. `tl.adapt`
(`adapt.py`) checks what all of them need.
"""
