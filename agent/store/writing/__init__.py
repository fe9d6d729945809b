"""Parts of writing the store: places of equal files, vectors, bans, names."""
