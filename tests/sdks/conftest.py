"""Clients run by another interpreter, so this one must not look into them for doctests."""

collect_ignore = ["segment_python.py", "rudder_python.py"]
