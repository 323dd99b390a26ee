"""Widgets: what a learner moves to change an experiment. One file a lesson, over `explorer`."""
