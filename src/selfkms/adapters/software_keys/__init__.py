"""The software key store: key material in the database, wrapped, and in the memory of this process while it is used."""
