"""Which is the most plausible shock that brings a system to a target: what reverse stress testing needs?"""
