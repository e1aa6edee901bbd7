"""Looking after a project: backup, forgetting, retention, repair, upgrade."""
