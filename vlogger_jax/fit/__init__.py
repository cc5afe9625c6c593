"""From pictures of people to the parameters of a body: landmarks, priors, objective, solver."""
