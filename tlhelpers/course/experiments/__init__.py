"""The longer runs behind the lessons, one module a lesson; `tl results NN` repeats them."""
