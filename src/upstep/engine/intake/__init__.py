"""From events as client libraries send them to facts: decoded, told who is who, and loaded."""
