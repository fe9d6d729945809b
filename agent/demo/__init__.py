"""A synthetic life from a seed: the generators that the demo, the tests and the quick start share."""
