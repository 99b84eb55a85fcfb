"""How are runs started, watched and read in a browser on this machine?"""
