"""The formats of office programs: text documents, slides and sheets."""
