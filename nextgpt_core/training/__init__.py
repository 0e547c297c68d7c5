"""Training in stages: what is trained on which dialogues, and how a run goes on.

`start.train` runs a stage; `settings` is imported without torch.
"""
