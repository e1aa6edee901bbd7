"""A project's settings: upstep.yaml. One module per section that has more than a few keys."""

from upstep.config.settings import ACTIVITIES, Activity, Assumption, Settings, load_settings, read_settings, secret

__all__ = ["ACTIVITIES", "Activity", "Assumption", "Settings", "load_settings", "read_settings", "secret"]
