"""Facts: what a company knows of its customers. Owns schema, load, check, roll-ups and queries.

It does not own what the facts mean: that is ``signals``.
"""
