"""What is learned: trained offline from feature tables, loaded once, asked for probabilities in the job.

Nothing here knows what a feature means or which ones there should be: names and their hash are passed in.
"""
