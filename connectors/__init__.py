"""One module per provider. Each turns a provider's wire format into glucoflow's records and nothing else."""
