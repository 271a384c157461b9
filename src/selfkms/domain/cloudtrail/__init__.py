"""The audit record, in CloudTrail's shape."""
