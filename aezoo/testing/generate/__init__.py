"""Generation of valid specs with Hypothesis, from the declarations of registered parts."""
