"""Predictors of stars whose item embeddings Keras trains; serving needs numpy alone."""
