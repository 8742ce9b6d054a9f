"""Records, documents, units, ranges, trends, targets, local time and errors: values that every layer speaks."""
