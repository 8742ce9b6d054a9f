"""Doors for other programs: Nightscout's API at the host's root, where the credential names the person."""
