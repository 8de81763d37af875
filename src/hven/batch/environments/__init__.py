"""Environments: locked, hashed sets of packages, installed side by side and verified before a job uses them."""
