"""EBS: what encrypted snapshots are made of."""
