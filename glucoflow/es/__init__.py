"""Elasticsearch: the client, names, templates, the bulk sink, queries, and the node of our own."""
