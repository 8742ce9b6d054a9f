"""The JSON API under `/api/people`: what is known of a person, for programs and for our own pages. It only reads."""
