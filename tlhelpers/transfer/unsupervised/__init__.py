"""Without one label of the target: what a borrowed network sorts, maps and finds odd by itself.

cluster      k-means on features, judged by labels that it never saw           clusters.py
anomaly      what is unlike everything known to be sound, by one of            anomaly.py
  mean, mahalanobis   how far from the mean, plain or in the data's own units  moments.py
  nearest             how far from the nearest known example                   nearest.py
  patches             how far the oddest patch is from all known patches       patches.py
continue_pretraining  SimCLR on the target's own unlabelled pictures           simclr.py
"""
