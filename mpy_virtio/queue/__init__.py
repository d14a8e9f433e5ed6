"""Virtqueues: `split` is the one of section 2.7, `table` the descriptors that it is made of."""
