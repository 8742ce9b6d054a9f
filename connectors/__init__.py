"""One package a provider, found by the entry points of `glucoflow.connectors`. Each turns a provider's wire format into
glucoflow's records and nothing else; nobody imports them by name."""
