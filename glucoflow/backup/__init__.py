"""Backups: one encrypted file with everything that glucoflow keeps, made while it works, proven by restoring it.

`docs/operations.md` describes the file. `making` writes one, `restoring` puts it into an empty place, `checking` does
so for a moment, `keeping` says which ones stay.
"""
