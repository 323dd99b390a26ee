"""A room of learners on one computer: `tl room` starts JupyterHub, an engine made for that.

command    the checks, who may come in, and the start
config     what JupyterHub reads: one account of the system and one folder a learner
serve      what runs as the learner: their copies of the lessons, then their JupyterLab
"""
