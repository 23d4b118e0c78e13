"""Who may do what: users, the rules they are described by, and what was refused.

Knows no clients, no sockets, and of commands only their names: `Catalogue`.
"""
