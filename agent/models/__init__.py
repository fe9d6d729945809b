"""Small language models and embedders from local folders."""
