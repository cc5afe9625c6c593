"""From what the motion network hears to how a person moves."""
