"""The one way in: every request of every service passes here."""
