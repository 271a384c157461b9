"""AWS CloudTrail: what its operations do."""
