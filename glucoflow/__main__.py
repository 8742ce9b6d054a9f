"""`python -m glucoflow`, the same as the `glucoflow` command."""

from glucoflow.cli import main

main()
