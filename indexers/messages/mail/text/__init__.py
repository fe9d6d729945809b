"""What the author of a mail wrote, apart from what was quoted, signed or attached."""
