class Scores:
    pass


def evaluate(model, data=None):
    return None
