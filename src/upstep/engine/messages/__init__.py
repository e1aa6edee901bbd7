"""What a message may say of a decision, and the record behind each number."""
