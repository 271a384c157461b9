"""AWS Nitro: attestation documents, and what only their sender can open."""
