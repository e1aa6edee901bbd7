"""What a project's own past says: thresholds, tiers, forecasts' scores, a play tried before it meets anyone."""
