"""Records of export.xml as columns of numbers."""
