"""How a message leaves the house. Owns the outbox, the channels and each attempt.

It knows no offer, play or gate: whether a message may leave is asked of a callback that the engine passes in.
"""
