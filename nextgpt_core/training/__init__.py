"""Training: what is learned on what, and how a run goes on.

`start.train` runs a stage of a system, `module.train` trains one plain module; `loop` is of both.
`settings` is imported without torch.
"""
