"""MoPos: a self-hosted internet payment gateway."""
