"""What does the essay claim, and what says the model: sixteen claims as data, one engine that tries them?"""
