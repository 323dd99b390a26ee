"""Figures made for one lesson each; what several lessons share is in `show/plots.py`."""
