"""What the exercises ask for: `lessonNN.py` holds the checks of one lesson."""
