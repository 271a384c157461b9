"""One folder an outside thing, each implementing one port."""
