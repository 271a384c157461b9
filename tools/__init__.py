"""Programs for whoever works on selfkms."""
