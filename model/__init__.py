"""In which world do they act? Markets, debt, exposures, clearing, the cascade, the books and the month.

Nothing here prints, plots or opens a file; that is the work of `nobid.runs`.
"""
