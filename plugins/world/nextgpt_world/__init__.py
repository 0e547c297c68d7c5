"""A small world to train and test in: things, sounds, and the scenes and dialogues of them."""
