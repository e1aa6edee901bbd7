"""Decisions become offers, notices, tasks and help, in one transaction with their messages."""
