"""How the processes around the site are: queues, workers, beat, servers; and who is told."""
