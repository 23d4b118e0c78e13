"""The proof: a corpus of commands, the replies of a real Redis to them, and what compares."""
