"""The drill's outside: files and worlds that ship, questions of teams, terminal and exercises."""
