"""Policy documents and the decision over them."""
