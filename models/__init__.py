"""Machine learning: offline training on feature tables, and scoring in the job.

The package does not know the features: their names and the hash of their definitions are passed in.
"""
