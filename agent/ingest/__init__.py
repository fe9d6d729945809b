"""Records become chunks: read in a locked child, split by pure code, written by one loop."""
