"""The documented API under /v1: parses, calls the engine, answers in the shapes of ``--json``. Owns no rule.

``shapes`` says what is asked and answered; each other module is one subject's routes.
"""
