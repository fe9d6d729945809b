"""Reading the store: what retrieval asks, who is who, and how much is held."""
