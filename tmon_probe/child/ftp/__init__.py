"""FTP: the dialogue of a control connection, and the transfers it asks for."""
