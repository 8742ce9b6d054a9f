"""Measured claims: each module runs by itself and ends in one line of JSON."""
