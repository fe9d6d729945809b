"""The bytes of one format, made into text and spans."""
