"""One strict fake cloud a provider, with made-up people. Nothing here imports a connector."""
