"""Floor 6: all that a learner sees: figures, widgets, quizzes."""
