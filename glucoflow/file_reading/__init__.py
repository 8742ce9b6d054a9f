"""Files that people have: what is in them, row by row, and what became of each row.

`source` gives the rows of a file, `format` is the contract of a format, `findings` what its reader takes from the rows.
`dates`, `units`, `placing` and `merging` decide on the whole file; `contents` puts it together.
"""
