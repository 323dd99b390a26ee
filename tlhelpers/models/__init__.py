"""Floor 4: pretrained networks, where they come from, their surgery, how ours were made."""
