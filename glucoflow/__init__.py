"""glucoflow: a person's CGM data, from their provider's cloud into an Elasticsearch of their own."""
