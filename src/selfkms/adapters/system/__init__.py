"""Time and randomness of the machine: the only room that asks it for either."""
