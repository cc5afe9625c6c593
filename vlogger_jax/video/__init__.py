"""Motion becomes photographs: the networks of pictures, and what is made of them."""
