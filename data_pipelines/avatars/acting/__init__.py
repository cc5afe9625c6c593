"""Acting by rule: what lips, face, head and hands do while somebody speaks, and while nobody does."""
