"""What was asked of whom, and what came of it. Owns offers, their moves, their messages and their history.

It does not own whether to ask (``plays``) nor how a message travels (``delivery``).
"""
