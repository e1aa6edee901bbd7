"""What a change costs and what becomes of it: use and overage read, quoted, asked again, applied, read back."""
