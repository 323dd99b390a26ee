"""The course as a web site that needs no server: `tl book` builds it in both languages.

alive      widgets, quizzes and predictions that answer without a kernel
pages      the pages: built lessons, glossary, cards, reference
extension  what Sphinx lacks: formulas without a script, a search that knows Japanese
command    `tl book`
"""
