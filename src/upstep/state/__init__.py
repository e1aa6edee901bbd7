"""Operational state: quotes, offers, messages, answers, audit. Owns the tables, the sessions and the migrations.

It does not own what a state means or which move is allowed: that is ``offers``, ``billing`` and ``delivery``.
"""
