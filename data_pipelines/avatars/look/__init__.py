"""How people, their clothes and their surroundings look: everything about a picture that is not geometry."""
