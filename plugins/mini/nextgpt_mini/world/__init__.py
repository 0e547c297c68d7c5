"""The embedded world: things, sounds, and the scenes, captions and dialogues made of them."""
