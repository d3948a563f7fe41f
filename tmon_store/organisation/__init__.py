"""What an organisation says about itself: which addresses are its own, where they are and what they serve (seed section 1.13)."""

from tmon_store.organisation.model import INTERNET, UNKNOWN, Declaration, Organisation, Place
from tmon_store.organisation.read import read_organisation

__all__ = ["INTERNET", "UNKNOWN", "Declaration", "Organisation", "Place", "read_organisation"]
