"""What glucoflow does, as plain functions: flows, commands and pages call these and nothing beneath them."""
