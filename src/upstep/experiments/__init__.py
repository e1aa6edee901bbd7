"""Experiments: who is in which arm, who came to the point at which it mattered, and what the difference is worth.

Owns the drawing of arms, the register of holdouts and tests, the log of exposures and the statistics. It knows no
offers, plays or money's movements: what an arm changes is ``offering.experimenting``, what an account did comes in as
numbers.
"""
