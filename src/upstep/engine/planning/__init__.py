"""What a person leads: executives' priorities, opportunities, a quarter, the business case."""
