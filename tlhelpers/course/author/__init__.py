"""The author's workshop: from one bilingual source of a lesson to two notebooks that are right.

reading       a source, and everything that is wrong in its form
bilingual     code cells whose words are given in both languages
sections      which cells stand under a heading marked "deeper"
notebook      from a source to a notebook, and which stored outputs stay
running       a kernel for each language, clean outputs
lock          which side of a pair was edited alone
checking      sources, notebooks and lock against each other
"""
