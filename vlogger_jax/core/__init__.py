"""What every other part stands on: array types, records, strict configs, errors. Imports no other part."""
