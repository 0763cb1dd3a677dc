def read_fast(data):
    return None
