"""The configuration: reading, checking, selecting, generating."""
