"""An installation for many users: its accounts, folders, units, and what is wrong with them."""
