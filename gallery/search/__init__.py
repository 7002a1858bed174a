"""Finding pictures: what a person types becomes a condition, the condition a few ids, newest or best first.

Each picture that isn't in the trash has one row in the index (`index.py`): the words of its title, prompt and
notes, and marks, which are its facts as short words: who made it, who may see it, its tags and colours. What
is asked for is one expression over words and marks (`expression.py`), answered by GIN on PostgreSQL and FTS5
on SQLite, so that neither who may see a picture nor its tags need a join. Words are taken apart here
(`words.py`) and not by the databases: the same pictures are found on both.
"""
