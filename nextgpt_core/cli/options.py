"""What several commands say of the same option. Imports nothing."""

UNTRAINED = "Run channels whose trained parts are not there: noise, for trying out."
