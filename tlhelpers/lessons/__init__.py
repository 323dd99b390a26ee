"""Floor 8: what is particular to one lesson, a folder each, named by the lesson's slug.

    lesson.toml      number, part of the course, minutes, titles, what is measured, downloads
    figures.py       its figures, and what its cells call
    widget.py        RESULTS, and build(results) -> the lesson's widget
    checks.py        the checks of its exercises
    experiments.py   what makes its stored results
    quiz.toml        its questions
    sentences.toml   every sentence it shows, in both languages

What a lesson lacks is not there. Nothing on the floors below imports from here:
`course/syllabus.py` finds the folders by their names.
"""
