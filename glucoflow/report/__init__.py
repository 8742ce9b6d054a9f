"""Reports from a file, without any server: figures as JSON, as text, or on one page to print."""
