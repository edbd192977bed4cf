"""How long a user waits: asdfits beside its peers and beside the floor.

``python -m asdfits.bench FILES…`` measures files of the user's own (`files`). The benches of the
repository share its parts: a row and who takes part in it (`contest`), whether all say the same
(`answers`), the clock and the scales (`timing`), the least that anybody has to do (`floors`).
"""
