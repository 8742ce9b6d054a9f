"""The command line, and the one place besides `flows/` that puts the parts together."""


def main() -> None:
    """The `glucoflow` program. Imports late: `--help` should not wait for Elasticsearch's client."""
    from glucoflow.cli.app import run

    run()
