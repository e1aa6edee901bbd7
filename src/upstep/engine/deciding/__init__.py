"""From facts to decisions: inputs gathered, queries run, rows assembled, told in words, and kept."""
