"""KMS keys, their material, names and states."""
