"""The cycle: load, decide, open, deliver, apply, reconcile. Owns the order of work and what one project folder is.

It decides nothing itself: signals, plays, offers and billing do; this hands each what the others know.
"""
