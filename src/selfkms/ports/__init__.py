"""What the core needs of the outside, as Protocols, each on one screen."""
