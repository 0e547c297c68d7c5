"""How the plugin's own parts are trained, on mini's world: needs `nextgpt-depth[train]`."""
