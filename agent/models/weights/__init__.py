"""Files of weights: GGUF read, and turned into a folder for MLX."""
