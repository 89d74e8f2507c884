"""The model console: what operators see of runs and lists, in the admin."""
