"""Whom to ask, who waits, and why. Owns plays, their conditions, gates, proposals and ranks.

It knows no state: what was asked, answered or held out reaches it as tables. It sends nothing.
"""
