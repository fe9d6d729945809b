"""The encrypted truth on disk, its keys and its disposable vector index."""
