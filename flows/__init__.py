"""Thin Prefect wrappers over plain functions; the only place besides the CLI that puts the parts together."""
