"""Snapshots and volumes: what their operations do, those of Amazon EC2 and those of the EBS direct APIs."""
