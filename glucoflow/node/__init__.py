"""The Elasticsearch of our own: found or fetched, started, watched and stopped as a child process."""
