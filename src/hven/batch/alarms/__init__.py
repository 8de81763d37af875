"""What is watched: sources of signals, and the chore that looks at them by the rules of `hven.alarms`."""
