"""Notices: what is the case (`facts`), what of it is told now (`rules`), in words (`texts`), and sent (`sending`).

None of this is a medical alarm, and each text about glucose says so: readings may come late or not at all, and a
service that passes messages on may be down.
"""
