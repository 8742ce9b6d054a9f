"""Nightscout's documents and our records, both ways: pure, for whoever speaks with a site, an app or a file."""
