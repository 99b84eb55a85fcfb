"""Who acts? Miners, neo-clouds, lenders and buyers of machines: their state and their rules.

An agent reaches the world through `self.model` at run time and imports none of it.
"""
